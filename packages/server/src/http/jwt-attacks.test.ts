/** Every class of shared/standards/jwt-attacks.md against a protected route. */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { SIGNATURE_ALGORITHMS } from '@latchkey/protocol/access-token'
import { CompactEncrypt, UnsecuredJWT } from 'jose'
import { Forge, flipSpareBits, malleated, N, rs, segment } from './testing/forge.ts'
import { ISSUER, outcome, start } from './testing/start.ts'
import { listen } from './testing/transports.ts'

const INVALID = '401 access_token_invalid'
const MALFORMED = '400 authorization_malformed'
const ENDED = '401 session_revoked'
const EXPIRED = '401 access_token_expired'
const ACCEPTED = '200'

const server = await start()
const ada = await server.signUp()
const mallory = await server.signUp()
const forge = new Forge(server.latchkey, ada.accessToken ?? '')
const now = server.clock.seconds

after(async () => {
  assert.equal(outcome(await ada.me()), ACCEPTED, 'the genuine token is as good as before')
  await server.close()
})

type Mutant = readonly [what: string, token: string, expected?: string]

const present = (token: string, at = server) => at.send('GET', '/me', { headers: { authorization: `Bearer ${token}` } })

function refuses(topic: string, mutants: readonly Mutant[]): void {
  describe(topic, () => {
    for (const [what, token, expected = INVALID] of mutants) {
      it(`${what} → ${expected}`, async () => {
        const answer = await present(token)
        assert.equal(outcome(answer), expected)
        if (answer.status === 200) assert.equal(answer.body.id, ada.subject)
        else if (token.length > 8) assert.ok(!answer.text.includes(token), 'ER-04')
      })
    }
  })
}

const { token, header, claims, headerSegment: h, payloadSegment: p, signature: s } = forge
const { kid, typ, ...headerWithoutKid } = { ...header }

/** Signed by the server, with a segment that has spare bits or characters of both alphabets. */
const padded = (rest: number) => {
  for (let extra = ''; ; extra += 'x') {
    const [header, payload] = [segment({ ...forge.header }), segment({ ...claims, extra })]
    if (payload.length % 4 === rest) return { header, payload }
  }
}
const loose = padded(2)
const bothAlphabets = forge.sign(header, JSON.stringify({ ...claims, extra: 'ÿþ~ÿÿ>>>???' }))
const standardAlphabet = bothAlphabets.replaceAll('-', '+').replaceAll('_', '/')

refuses('JW-06 structure', [
  ['the genuine token', token, ACCEPTED],
  ['nothing', '', MALFORMED],
  ['one segment', h],
  ['two segments', `${h}.${p}`],
  ['four segments', `${token}.${s}`],
  ['five segments', `${token}.${s}.${s}`],
  ['six segments', `${token}.${h}.${p}.${s}`],
  ['only dots', '..'],
  ['an empty header', `.${p}.${s}`],
  ['an empty payload', `${h}..${s}`],
  ['an empty signature', `${h}.${p}.`],
  ['a leading dot', `.${token}`],
  ['a trailing dot', `${token}.`],
  ['padding on the signature', `${token}=`],
  ['padding on the signature, in full', `${token}==`],
  ['padding inside', forge.signSegments(`${loose.header}=`, loose.payload)],
  ['padding on the payload, signed', forge.signSegments(h, `${loose.payload}==`)],
  ['a space inside', `${h}. ${p}.${s}`, MALFORMED],
  ['a tab inside', `${h}.\t${p}.${s}`, MALFORMED],
  ['two tokens and a comma', `${token},${token}`, MALFORMED],
  ['two tokens, a comma and a space', `${token}, ${token}`, MALFORMED],
  ['both alphabets, properly', bothAlphabets, ACCEPTED],
  ['the standard base64 alphabet', standardAlphabet],
  ['spare bits of the signature', `${h}.${p}.${flipSpareBits(s)}`],
  ['spare bits of the payload, signed so', forge.signSegments(h, flipSpareBits(loose.payload))],
  ['a payload of an impossible length', forge.signSegments(h, `${p.slice(0, p.length - (p.length % 4))}A`)],
  ['a question mark', `${token}?`],
  ['percent encoding', token.replaceAll('.', '%2E')],
  ['a NUL escape', `${token}%00`],
  ['a letter beyond ASCII', `${token}é`],
  ['quotes', `"${token}"`],
  ['the flattened JSON form', JSON.stringify({ protected: h, payload: p, signature: s }), MALFORMED],
  ['the general JSON form', JSON.stringify({ payload: p, signatures: [{ protected: h, signature: s }] }), MALFORMED],
  ['a JSON form without commas', `{"payload":"${p}"}`],
  ['12 KB', 'A'.repeat(12_000)],
  ['12 KB of a token', `${h}.${'A'.repeat(12_000)}.${s}`],
  ['12 KB of dots', '.'.repeat(12_000)],
  ['a signed token that is too long', forge.withClaims({ extra: 'x'.repeat(9000) })],
])

it('JW-16 64 KB, where the server in front lets them through', async () => {
  for (const long of ['A'.repeat(65_536), `${h}.${'A'.repeat(65_536)}.${s}`, '.'.repeat(65_536)]) {
    const headers = { authorization: `Bearer ${long}` }
    assert.equal((await server.latchkey.fetch(new Request(`${ISSUER}/me`, { headers }))).status, 401)
  }
})

refuses('JW-01 JW-02 alg', [
  ...['none', 'None', 'NONE', 'nOnE', 'none ', '', 'HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES384', 'ES512'].map(
    (alg): Mutant => [JSON.stringify(alg), forge.withHeader({ alg })],
  ),
  ...['ES256K', 'EdDSA', 'Ed25519', 'es256', 'ES256 ', null, [], {}, 0, true, ['ES256'], undefined].map(
    (alg): Mutant => [alg === undefined ? 'missing' : JSON.stringify(alg), forge.withHeader({ alg })],
  ),
  ['"none" with no signature', `${segment({ alg: 'none', typ, kid })}.${p}.`],
  ['"none" with an empty word', `${segment({ alg: 'none', typ, kid })}.${p}.AA`],
])

refuses('JW-10 typ', [
  ['"AT+JWT"', forge.withHeader({ typ: 'AT+JWT' }), ACCEPTED],
  ['"application/at+jwt"', forge.withHeader({ typ: 'application/at+jwt' }), ACCEPTED],
  ...[
    'JWT',
    'dpop+jwt',
    'secevent+jwt',
    'statuslist+jwt',
    'rt+jwt',
    'id+jwt',
    'logout+jwt',
    'at+jwt ',
    '',
    'text/at+jwt',
  ].map((typ): Mutant => [JSON.stringify(typ), forge.withHeader({ typ })]),
  ...[undefined, null, [], ['at+jwt'], {}, 0].map(
    (typ): Mutant => [typ === undefined ? 'missing' : JSON.stringify(typ), forge.withHeader({ typ })],
  ),
])

refuses('JW-05 JW-07 JW-09 header', [
  ...[[], ['x'], ['exp'], ['alg'], 'x', null, {}].map(
    (crit): Mutant => [`crit ${JSON.stringify(crit)}`, forge.withHeader({ crit })],
  ),
  ['crit b64 with b64 false', forge.withHeader({ crit: ['b64'], b64: false })],
  ['b64 false alone', forge.withHeader({ b64: false })],
  ['cty JWT around a token', forge.sign({ ...header, cty: 'JWT' }, token)],
  ['zip', forge.withHeader({ zip: 'DEF' })],
  ['any other member', forge.withHeader({ iss: ISSUER })],
  ['__proto__', forge.sign(`{"alg":"ES256","typ":"at+jwt","kid":"${kid}","__proto__":{}}`, claims)],
  ['alg twice', forge.sign(`{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"${kid}"}`, claims)],
  ['alg twice, once escaped', forge.sign(`{"\\u0061lg":"none","alg":"ES256","typ":"at+jwt","kid":"${kid}"}`, claims)],
  ['kid twice', forge.sign(`{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"${kid}"}`, claims)],
  ['an array', forge.sign(JSON.stringify([header]), claims)],
  ['a string', forge.sign('"ES256"', claims)],
  ['null', forge.sign('null', claims)],
  ['a number', forge.sign('1', claims)],
  ['an empty object', forge.sign('{}', claims)],
  ['no JSON', forge.sign('{alg:"ES256"}', claims)],
  ['JSON and more', forge.sign(`${JSON.stringify(header)}{}`, claims)],
  ['a byte order mark', forge.sign(`\ufeff${JSON.stringify(header)}`, claims)],
  ['invalid UTF-8', forge.sign(Buffer.from([...Buffer.from('{"alg":"ES256","kid":"'), 0xff, 0x22, 0x7d]), claims)],
  ['UTF-16', forge.sign(Buffer.from(JSON.stringify(header), 'utf16le'), claims)],
])

const pendingKid = server.latchkey.keys.keys.find(({ state }) => state === 'pending')?.kid
const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const attackerJwk = attacker.publicKey.export({ format: 'jwk' })
const byAttacker = (header: Readonly<Record<string, unknown>>) => {
  const input = `${segment(header)}.${p}`
  const signature = sign('sha256', Buffer.from(input), { key: attacker.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

refuses('JW-04 kid', [
  ['missing', forge.sign({ ...headerWithoutKid, typ }, claims)],
  ...[
    '',
    'unknown',
    '../../../../dev/null',
    '/dev/null',
    "' OR 1=1--",
    "x' UNION SELECT 'key';--",
    '; sleep 10',
    'http://127.0.0.1/key',
    '__proto__',
    'constructor',
    'toString',
    `${kid} `,
    `${kid}\u0000`,
    `${kid}`.toUpperCase(),
    'k'.repeat(5000),
    'k'.repeat(10_000),
    pendingKid,
    null,
    0,
    true,
    [kid],
    { $ne: null },
    { toString: kid },
  ].map((kid): Mutant => [JSON.stringify(kid).slice(0, 40), forge.withHeader({ kid })]),
])

describe('JW-03 keys that a token brings along', () => {
  const asked: string[] = []
  let canary: Awaited<ReturnType<typeof listen>>
  before(async () => {
    canary = await listen((request, response) => {
      asked.push(request.url ?? '')
      response.end(JSON.stringify({ keys: [{ ...attackerJwk, kid, alg: 'ES256', use: 'sig' }] }))
    })
  })
  after(() => canary.close())

  for (const withKid of [kid, 'mine', undefined]) {
    it(`are not used or fetched, with kid ${withKid === kid ? 'of the server' : withKid}`, async () => {
      const url = `http://127.0.0.1:${canary.port}/keys`
      const jwk = { ...attackerJwk, kid: withKid, alg: 'ES256', use: 'sig' }
      const der = attacker.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
      for (const brought of [
        {},
        { jwk },
        { jku: url },
        { x5u: url },
        { x5c: [der] },
        { x5t: der },
        { jwk, jku: url },
        { iss: url },
      ]) {
        const answer = await present(byAttacker({ ...headerWithoutKid, typ, kid: withKid, ...brought }))
        assert.equal(outcome(answer), INVALID, Object.keys(brought).join())
      }
      assert.deepEqual(asked, [])
    })
  }
})

for (const alg of SIGNATURE_ALGORITHMS) {
  it(`JW-02 JW-04 HMAC under the public key of an ${alg} server, in every spelling, or under nothing`, async () => {
    const target = alg === 'ES256' ? server : await start({ alg })
    const victim = alg === 'ES256' ? ada : await target.signUp()
    const real = new Forge(target.latchkey, victim.accessToken ?? '')
    const jwks = (await target.send('GET', '/.well-known/jwks.json')).text
    const published: (JsonWebKey & { kid: string })[] = JSON.parse(jwks).keys
    const jwk = published.find((key) => key.kid === real.header.kid)
    assert.ok(jwk)
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const pem = key.export({ format: 'pem', type: 'spki' }).toString()
    const der = key.export({ format: 'der', type: 'spki' })
    const spellings: Readonly<Record<string, string | Buffer>> = {
      nothing: '',
      'a NUL': '\0',
      PEM: pem,
      'PEM with CRLF': pem.replaceAll('\n', '\r\n'),
      'PEM without its last newline': pem.trimEnd(),
      'PEM after a newline': `\n${pem}`,
      'PEM after a NUL': `\0${pem}`,
      'PEM after a zero-width space': `\u200b${pem}`,
      'PEM after a byte order mark': `\ufeff${pem}`,
      'PEM after spaces': `  ${pem}`,
      'PEM on one line': pem.replaceAll('\n', ''),
      'PEM as a certificate': pem.replaceAll('PUBLIC KEY', 'CERTIFICATE'),
      'PEM as RSA': pem.replaceAll('PUBLIC KEY', 'RSA PUBLIC KEY'),
      DER: der,
      'DER in base64': der.toString('base64'),
      'JWK as JSON': JSON.stringify(jwk),
      'JWK as JSON with its required members': JSON.stringify(Object.fromEntries(Object.entries(jwk).sort())),
      'the JWKS': jwks,
      'its first member': Buffer.from(jwk.x ?? jwk.n ?? '', 'base64url'),
      'its kid': jwk.kid,
      'a string that looks like a key': '[object KeyObject]',
    }
    for (const [how, secret] of Object.entries(spellings)) {
      for (const bits of [256, 384, 512]) {
        for (const extra of [{ kid: real.header.kid }, {}]) {
          const input = `${segment({ alg: `HS${bits}`, typ: 'at+jwt', ...extra })}.${real.payloadSegment}`
          const mac = createHmac(`sha${bits}`, secret).update(input).digest('base64url')
          assert.equal(outcome(await present(`${input}.${mac}`, target)), INVALID, `HS${bits} under ${how}`)
          const reheaded = `${segment({ ...real.header, ...extra })}.${real.payloadSegment}.${mac}`
          assert.equal(outcome(await present(reheaded, target)), INVALID, `${alg} header, HS${bits} under ${how}`)
        }
      }
    }
    assert.equal(outcome(await victim.me()), ACCEPTED)
    if (target !== server) await target.close()
  })
}

const signatureBytes = Buffer.from(s, 'base64url')
const der = sign('sha256', Buffer.from(`${h}.${p}`), { key: attacker.privateKey, dsaEncoding: 'der' })
const EDGES = { 0: 0n, 1: 1n, 'n-1': N - 1n, n: N, 'n+1': N + 1n }

refuses('JW-14 signature', [
  ['s replaced by n - s, which verifies', forge.withSignature(malleated(s)), ACCEPTED],
  ['one byte short', forge.withSignature(signatureBytes.subarray(0, 63))],
  ['half', forge.withSignature(signatureBytes.subarray(0, 32))],
  ['one byte', forge.withSignature(signatureBytes.subarray(0, 1))],
  ['one byte more', forge.withSignature(Buffer.concat([signatureBytes, Buffer.alloc(1)]))],
  ['a byte before it', forge.withSignature(Buffer.concat([Buffer.alloc(1), signatureBytes]))],
  ['twice', forge.withSignature(Buffer.concat([signatureBytes, signatureBytes]))],
  [
    'r and s swapped',
    forge.withSignature(Buffer.concat([signatureBytes.subarray(32), signatureBytes.subarray(0, 32)])),
  ],
  ['DER', forge.withSignature(toDer(signatureBytes))],
  ['DER of another key', forge.withSignature(der)],
  ['that of another key', byAttacker(header)],
  ['that of another token', forge.withSignature(mallory.accessToken?.split('.')[2] ?? '')],
  ['over the payload alone', forge.withSignature(server.latchkey.keys.active.sign(p))],
  [
    'over the decoded text',
    forge.withSignature(server.latchkey.keys.active.sign(JSON.stringify(header) + JSON.stringify(claims))),
  ],
  ['one bit off', forge.withSignature(Buffer.from(signatureBytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte))))],
  ...Object.entries(EDGES).flatMap(([rName, r]) =>
    Object.entries(EDGES).map(([sName, s]): Mutant => [`r = ${rName}, s = ${sName}`, forge.withSignature(rs(r, s))]),
  ),
  ['the claims changed under it', `${h}.${segment({ ...claims, sub: mallory.subject })}.${s}`],
])

const NO_DATES = [null, true, false, [], {}, '', String(now), -1, 2 ** 53, now * 1000] as const

refuses('JW-08 JW-09 times', [
  ...NO_DATES.flatMap((value) =>
    ['exp', 'iat', 'nbf', 'auth_time'].map(
      (claim): Mutant => [`${claim} ${JSON.stringify(value)}`, forge.withClaims({ [claim]: value })],
    ),
  ),
  ...['exp', 'iat', 'nbf'].flatMap((claim): Mutant[] => [
    [`${claim} 1e400`, forge.withClaimText(claim, '1e400')],
    [`${claim} -1e400`, forge.withClaimText(claim, '-1e400')],
  ]),
  ['exp missing', forge.withClaims({ exp: undefined })],
  ['iat missing', forge.withClaims({ iat: undefined })],
  ['exp now', forge.withClaims({ exp: now }), EXPIRED],
  ['exp 61 seconds ago', forge.withClaims({ exp: now - 61 }), EXPIRED],
  ['exp in 1970', forge.withClaims({ exp: 0 }), EXPIRED],
  ['exp a fraction ahead', forge.withClaims({ exp: now + 0.5 }), ACCEPTED],
  ['nbf in 61 seconds', forge.withClaims({ nbf: now + 61 })],
  ['nbf within the skew', forge.withClaims({ nbf: now + 60 }), ACCEPTED],
  ['iat in 61 seconds', forge.withClaims({ iat: now + 61 })],
  ['iat tomorrow', forge.withClaims({ iat: now + 86_400 })],
  ['iat within the skew', forge.withClaims({ iat: now + 60 }), ACCEPTED],
])

const NO_STRINGS = [undefined, null, true, 0, '', [], {}, { $ne: null }] as const
const AUD = String(claims.aud)

refuses('JW-09 JW-11 JW-12 claims', [
  ...NO_STRINGS.flatMap((value) =>
    ['iss', 'aud', 'sub', 'sid', 'jti', 'client_id'].map(
      (claim): Mutant => [
        `${claim} ${value === undefined ? 'missing' : JSON.stringify(value)}`,
        forge.withClaims({ [claim]: value }),
      ],
    ),
  ),
  ...[
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    ISSUER.replace('https', 'http'),
    ISSUER.slice(0, -1),
    `${ISSUER}x`,
    ` ${ISSUER}`,
    [ISSUER],
    'https://other.example.com/auth',
  ].map((iss): Mutant => [`iss ${JSON.stringify(iss)}`, forge.withClaims({ iss })]),
  ...[
    `${AUD}/`,
    AUD.toUpperCase(),
    AUD.slice(0, -1),
    `x${AUD}`,
    ISSUER,
    [''],
    [[AUD]],
    ['https://other.example.com'],
    [AUD, 1],
    { 0: AUD },
  ].map((aud): Mutant => [`aud ${JSON.stringify(aud)}`, forge.withClaims({ aud })]),
  ['aud a list with ours', forge.withClaims({ aud: ['https://other.example.com', AUD] }), ACCEPTED],
  ['sub another user', forge.withClaims({ sub: mallory.subject }), ENDED],
  ['sub [own]', forge.withClaims({ sub: [ada.subject] })],
  ['sid of another user', forge.withClaims({ sid: mallory.sid }), ENDED],
  ['sid unknown', forge.withClaims({ sid: 'unknown' }), ENDED],
  ['sid __proto__', forge.withClaims({ sid: '__proto__' }), ENDED],
  ['sid SQL', forge.withClaims({ sid: "' OR 1=1--" }), ENDED],
  ['scope a list', forge.withClaims({ scope: ['admin'] })],
  ['amr a string', forge.withClaims({ amr: 'pwd' })],
  ['sub twice', forge.withClaimText('sub', `"${mallory.subject}","sub":"${ada.subject}"`)],
  ['sub twice, once escaped', forge.withClaimText('sub', `"${mallory.subject}","s\\u0075b":"${ada.subject}"`)],
  ['exp twice', forge.withClaimText('exp', `0,"exp":${now + 60}`)],
])

refuses('JW-09 payload', [
  ...[
    '[]',
    '"x"',
    'null',
    '1',
    'true',
    '{}',
    '',
    '{',
    `[${JSON.stringify(claims)}]`,
    `${JSON.stringify(claims)},`,
    `/**/${JSON.stringify(claims)}`,
  ].map(
    (payload): Mutant => [
      payload.slice(0, 12) || 'nothing',
      payload === '' ? forge.signSegments(h, '') : forge.sign(header, payload),
    ],
  ),
  ['__proto__ instead of the claims', forge.sign(header, `{"__proto__":${JSON.stringify(claims)}}`)],
  ['constructor instead of the claims', forge.sign(header, { constructor: { prototype: claims } })],
  ['a byte order mark', forge.sign(header, `\ufeff${JSON.stringify(claims)}`)],
  [
    'invalid UTF-8',
    forge.sign(
      header,
      Buffer.concat([Buffer.from(`${JSON.stringify(claims).slice(0, -1)},"x":"`), Buffer.from([0xff, 0x22, 0x7d])]),
    ),
  ],
  ['UTF-16', forge.sign(header, Buffer.from(JSON.stringify(claims), 'utf16le'))],
  ['JSON 2,000 deep', forge.withClaimText('x', '['.repeat(2000) + ']'.repeat(2000)), ACCEPTED],
])

describe('JW-10 RT-10 JW-07 tokens of another kind', () => {
  it('a refresh token is no access token', async () => {
    for (const delivery of ['cookie', 'body', 'cookies'] as const) {
      const { refreshToken } = await server.device(ada, delivery)
      assert.equal(outcome(await present(refreshToken)), INVALID)
    }
  })

  it('nor is the access token of another Latchkey with the same issuer and audience', async () => {
    const other = await start()
    const stranger = await other.signUp()
    assert.equal(outcome(await present(stranger.accessToken ?? '')), INVALID)
    await other.close()
  })

  it('nor an unsecured token, nor one encrypted to the public key around one', async () => {
    const unsecured = new UnsecuredJWT({ ...claims }).encode()
    const [key] = server.latchkey.keys.jwks.keys
    assert.ok(key)
    const encrypted = await new CompactEncrypt(Buffer.from(unsecured))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', typ: 'at+jwt', cty: 'JWT', kid: String(kid) })
      .encrypt(createPublicKey({ key, format: 'jwk' }))
    for (const foreign of [unsecured, `${unsecured}AA`, encrypted])
      assert.equal(outcome(await present(foreign)), INVALID)
  })
})

describe('life', () => {
  const ended = {
    'LO-02 its logout': (client: typeof ada) => client.post('/logout'),
    'LO-02 its user signed out everywhere': (client: typeof ada) => client.post('/logout-all'),
    'LO-06 its account was deleted': (client: typeof ada) => client.delete('/me'),
  }
  for (const [what, end] of Object.entries(ended)) {
    it(`LO-07 after ${what}, no other spelling of the token dodges it`, async () => {
      const client = await server.signUp()
      const token = client.accessToken ?? ''
      const { headerSegment: h, payloadSegment: p, signature: s, ...own } = new Forge(server.latchkey, token)
      const spellings = [
        [token, ENDED],
        [`${h}.${p}.${malleated(s)}`, ENDED],
        [forge.sign(own.header, own.claims), ENDED],
        [forge.sign({ ...own.header, typ: 'application/at+jwt' }, own.claims), ENDED],
        [forge.sign(own.header, { ...own.claims, jti: 'another' }), ENDED],
        [`${token}=`, INVALID],
        [`${token}==`, INVALID],
        [`${h}.${p}.${flipSpareBits(s)}`, INVALID],
      ] as const
      for (const [spelling, expected] of spellings) {
        assert.equal(outcome(await present(spelling)), expected === ENDED ? ACCEPTED : INVALID, 'before')
      }
      await end(client)
      for (const [spelling, expected] of spellings) assert.equal(outcome(await present(spelling)), expected)
    })
  }

  it('KY-04 a rotated key goes on verifying until its last token has expired, and not beyond', async () => {
    const server = await start()
    const client = await server.signUp()
    const old = new Forge(server.latchkey, client.accessToken ?? '')
    const beyond = old.withClaims({ exp: server.clock.seconds + 86_400 })
    await server.latchkey.keys.rotate()
    assert.equal(outcome(await present(old.token, server)), ACCEPTED)
    await client.refresh()
    assert.notEqual(new Forge(server.latchkey, client.accessToken ?? '').header.kid, old.header.kid)
    assert.equal(outcome(await client.me()), ACCEPTED)
    server.clock.advance(900 + 120)
    await server.latchkey.keys.advance()
    assert.equal(outcome(await present(beyond, server)), INVALID)
    await server.close()
  })

  it('JW-15 verified tokens are remembered by their whole text: each gets its own user, and time still counts', async () => {
    const users = [ada, mallory, await server.signUp()]
    for (let round = 0; round < 3; round++) {
      for (const user of users) assert.equal((await user.me()).body.id, user.subject)
    }
    const brief = forge.withClaims({ exp: server.clock.seconds + 30 })
    assert.equal(outcome(await present(brief)), ACCEPTED)
    server.clock.advance(30)
    assert.equal(outcome(await present(brief)), EXPIRED)
    assert.equal(outcome(await present(brief)), EXPIRED)
  })
})

/** ASN.1 DER of an ES256 signature, as OpenSSL and Java write it. */
function toDer(signature: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    const body = (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes
    return Buffer.concat([Buffer.from([2, body.length]), body])
  }
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}
