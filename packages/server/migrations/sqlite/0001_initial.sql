-- One row a session, however often its refresh token turns. Times are milliseconds since 1970.
CREATE TABLE sessions (
  sid            TEXT PRIMARY KEY,
  subject        TEXT NOT NULL,
  key_hash       TEXT NOT NULL,
  gen            INTEGER NOT NULL,
  jti            TEXT,
  promoted_at    INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  revoked_at     INTEGER,
  revoked_reason TEXT,
  delivery       TEXT NOT NULL CHECK (delivery IN ('cookie', 'body', 'cookies')),
  scope          TEXT,
  amr            TEXT NOT NULL,
  user_agent     TEXT
) STRICT, WITHOUT ROWID;

-- None of these is touched by a turn.
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE accounts (
  id                 TEXT PRIMARY KEY,
  email              TEXT UNIQUE,
  username           TEXT UNIQUE,
  password_hash      TEXT NOT NULL,
  credential_version INTEGER NOT NULL,
  profile            TEXT NOT NULL,
  created_at         INTEGER NOT NULL,
  disabled_at        INTEGER,
  CHECK (email IS NOT NULL OR username IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- The key set is one document, replaced as a whole under its version.
CREATE TABLE signing_keys (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL,
  keys    TEXT NOT NULL
) STRICT;
INSERT INTO signing_keys (id, version, keys) VALUES (1, 0, '[]');
