/**
 * The floor: what a turn cannot avoid, and nothing else. It reads the cookie, checks one HMAC, does one conditional UPDATE
 * in a group, makes one HMAC and one ES256 signature, and sends the bytes that Latchkey sends. No routing, no CSRF check,
 * no validation, no user lookup, no randomness, no errors but 401.
 */
import { createHmac, createSecretKey, generateKeyPairSync, randomBytes, sign, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SESSIONS } from './protocol.ts'
import { announce, listen, temporaryFolder } from './server-process.ts'

interface Claims {
  readonly iss: string
  readonly sub: string
  readonly sid: string
  readonly key: string
  readonly gen: number
  readonly jti: string
  readonly iat: number
  readonly exp: number
}

interface Waiting {
  readonly claims: Claims
  readonly response: ServerResponse
}

const IDLE = 7 * 86_400
const ACCESS = 900

const db = openDatabase()
const insert = db.prepare('INSERT INTO sessions (sid, gen, jti, promoted_at) VALUES (?, 0, NULL, 0)')
const promote = db.prepare('UPDATE sessions SET gen = ?, jti = ?, promoted_at = ? WHERE sid = ? AND gen < ?')

const secret = createSecretKey(randomBytes(32))
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const refreshHeader = encode({ alg: 'HS256', typ: 'rt+jwt', kid: 'floorkey' })
const accessHeader = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'floor-floor-floo' })

const server = createServer(refresh)
const port = await listen(server)
const origin = `http://localhost:${port}`
const issuer = `${origin}/auth`
const cookieName = 'latchkey-floor0'
const user = { id: id(0), email: 'user00@bench.example', username: null, createdAt: new Date().toISOString() }

let waiting: Waiting[] = []
let serial = 0

announce({ port, cookieName, tokens: startSessions() })

function refresh(request: IncomingMessage, response: ServerResponse): void {
  const claims = readToken(readCookie(request.headers.cookie ?? ''))
  if (claims === null) {
    response.writeHead(401).end()
    return
  }
  if (waiting.length === 0) setImmediate(turnAll)
  waiting.push({ claims, response })
}

/** The writes of one turn of the event loop are one transaction. */
function turnAll(): void {
  const group = waiting
  waiting = []
  const now = Date.now()
  db.exec('BEGIN IMMEDIATE')
  const promoted = group.map(({ claims: { gen, jti, sid } }) => promote.run(gen, jti, now, sid, gen).changes === 1)
  db.exec('COMMIT')
  for (const [index, { claims, response }] of group.entries()) {
    if (promoted[index]) answer(claims, Math.floor(now / 1000), response)
    else response.writeHead(401).end()
  }
}

function answer(claims: Claims, iat: number, response: ServerResponse): void {
  const successor = makeToken({ ...claims, gen: claims.gen + 1, jti: id(++serial), iat, exp: iat + IDLE })
  const body = JSON.stringify({
    access_token: makeAccessToken(claims, iat),
    token_type: 'Bearer',
    expires_in: ACCESS,
    user,
  })
  response.writeHead(200, {
    'cache-control': 'no-store',
    'content-type': 'application/json; charset=utf-8',
    'set-cookie': `${cookieName}=${successor}; Max-Age=${IDLE}; Path=/; HttpOnly; SameSite=Strict`,
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

function makeAccessToken({ sub, sid }: Claims, iat: number): string {
  const times = { iat, exp: iat + ACCESS, jti: id(++serial) }
  const claims = {
    iss: issuer,
    sub,
    aud: origin,
    client_id: 'first-party',
    ...times,
    sid,
    auth_time: iat,
    amr: ['pwd'],
  }
  const signingInput = `${accessHeader}.${encode(claims)}`
  return `${signingInput}.${signature(signingInput)}`
}

/** From DER, because Node takes twice as long when it is asked for the two bare numbers (`ieee-p1363`) itself. */
function signature(signingInput: string): string {
  if (process.env.FLOOR_SIGNS === 'ieee-p1363') {
    return sign('sha256', Buffer.from(signingInput), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
      'base64url',
    )
  }
  const der = sign('sha256', Buffer.from(signingInput), privateKey)
  const raw = Buffer.alloc(64)
  const rEnd = 4 + (der[3] ?? 0)
  der.copy(raw, Math.max(0, 36 - rEnd), Math.max(4, rEnd - 32), rEnd)
  const sLength = der.length - rEnd - 2
  der.copy(raw, 32 + Math.max(0, 32 - sLength), Math.max(rEnd + 2, der.length - 32))
  return raw.toString('base64url')
}

function makeToken(claims: Claims): string {
  const signingInput = `${refreshHeader}.${encode(claims)}`
  return `${signingInput}.${mac(signingInput).toString('base64url')}`
}

function readToken(token: string): Claims | null {
  const end = token.lastIndexOf('.')
  const given = Buffer.from(token.slice(end + 1), 'base64url')
  const expected = mac(token.slice(0, end))
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  return JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1, end), 'base64url').toString())
}

function readCookie(header: string): string {
  const start = header.indexOf(`${cookieName}=`) + cookieName.length + 1
  const end = header.indexOf(';', start)
  return header.slice(start, end === -1 ? undefined : end)
}

function mac(signingInput: string): Buffer {
  return createHmac('sha256', secret).update(signingInput).digest()
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** As long as 128 random bits in base64url. */
function id(number: number): string {
  return String(number).padStart(22, '0')
}

/** Random ids, as a real server's are: otherwise neighbours in the load would be neighbours on a page. */
function startSessions(): string[] {
  const iat = Math.floor(Date.now() / 1000)
  const tokens: string[] = []
  db.exec('BEGIN')
  for (let number = 0; number < SESSIONS; number++) {
    const sid = randomBytes(16).toString('base64url')
    insert.run(sid)
    const common = { iss: issuer, sub: user.id, sid, key: id(number), gen: 1, jti: id(number) }
    tokens.push(makeToken({ ...common, iat, exp: iat + IDLE }))
  }
  db.exec('COMMIT')
  return tokens
}

function openDatabase(): DatabaseSync {
  const database = new DatabaseSync(join(temporaryFolder(), 'floor.db'))
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE sessions (sid TEXT PRIMARY KEY, gen INTEGER NOT NULL, jti TEXT, promoted_at INTEGER NOT NULL)
      STRICT, WITHOUT ROWID`)
  return database
}
