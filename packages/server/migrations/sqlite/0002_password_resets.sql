-- One live reset an account: a newer link replaces the one before. Only the token's digest is kept.
CREATE TABLE password_resets (
  digest     TEXT PRIMARY KEY,
  account_id TEXT NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
