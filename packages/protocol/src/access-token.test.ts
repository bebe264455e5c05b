import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type AccessTokenExpectations,
  checkAccessTokenClaims,
  MAX_ACCESS_TOKEN_LENGTH,
  RESERVED_CLAIMS,
  readAccessToken,
  SIGNATURE_ALGORITHMS,
} from './access-token.ts'
import { type ErrorCode, LatchkeyError } from './errors.ts'
import { encodeRefreshToken, refreshTokenKey } from './refresh-token.ts'

const seed = 9068
/** Any UTF-16 code unit, lone surrogates among them. */
const codeUnits = fc.nat(0xffff).map((code) => String.fromCharCode(code))

const NOW = 1_800_000_000
const SKEW = 60
const ISSUER = 'https://app.example.com/auth'
const AUDIENCE = 'https://api.example.com'
const EXPECTED: AccessTokenExpectations = { issuer: ISSUER, audience: AUDIENCE, now: NOW, clockSkew: SKEW }

const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' }
const CLAIMS = {
  iss: ISSUER,
  sub: 'user-1',
  aud: AUDIENCE,
  client_id: 'web',
  iat: NOW - 100,
  exp: NOW + 800,
  jti: 'AAAAAAAAAAAAAAAAAAAAAA',
  sid: 'BBBBBBBBBBBBBBBBBBBBBB',
}
const SIGNATURE = base64url(new Uint8Array(64).fill(7))

describe('readAccessToken', () => {
  it('hands over algorithm, key id, signature and what it covers, and the claims unbelieved', () => {
    const header = base64url(JSON.stringify(HEADER))
    const payload = base64url(JSON.stringify(CLAIMS))
    assert.deepEqual(readAccessToken(`${header}.${payload}.${SIGNATURE}`), {
      alg: 'ES256',
      kid: 'k1',
      signingInput: `${header}.${payload}`,
      signature: SIGNATURE,
      unverifiedClaims: CLAIMS,
    })
  })

  for (const alg of SIGNATURE_ALGORITHMS) {
    it(`JW-01 accepts the algorithm ${alg}`, () => assert.equal(readAccessToken(token({ ...HEADER, alg })).alg, alg))
  }

  for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT', 'Application/At+Jwt']) {
    it(`JW-10 accepts the type ${typ}`, () => assert.equal(readAccessToken(token({ ...HEADER, typ })).kid, 'k1'))
  }

  it('accepts the header’s members in any order', () => {
    assert.equal(readAccessToken(token({ kid: 'k2', typ: 'at+jwt', alg: 'EdDSA' })).kid, 'k2')
  })

  describe('refuses, by its header', () => {
    const algorithms = [
      ...['none', 'None', 'NONE', 'nOnE', 'none ', ''],
      ...['HS256', 'HS384', 'HS512', 'ES384', 'ES512', 'ES256K', 'RS384', 'RS512', 'PS256', 'Ed25519', 'Ed448'],
      ...['es256', 'ES256 ', ' ES256', 'ES256\0', 'eddsa', 'RSA-OAEP', 'dir'],
      ...[null, true, false, 0, 256, [], {}, ['ES256'], { alg: 'ES256' }],
      ...['__proto__', 'constructor', 'length', '0'],
    ]
    for (const alg of algorithms) {
      it(`JW-01 the algorithm ${JSON.stringify(alg)}`, () => refusesForm(token({ ...HEADER, alg })))
    }

    const types = [
      ...['JWT', 'jwt', '', 'at', 'jwt+at', 'application/jwt', 'application/', 'text/at+jwt', 'at+jwt+x', 'xat+jwt'],
      ...['at+jwt ', ' at+jwt', 'at+jwt\n', '\nat+jwt', 'at jwt', 'at\\+jwt', 'application/application/at+jwt'],
      ...['application/at+jwt; charset=utf-8'],
      ...[null, true, 0, [], {}, ['at+jwt']],
    ]
    for (const typ of types) {
      it(`JW-10 the type ${JSON.stringify(typ)}`, () => refusesForm(token({ ...HEADER, typ })))
    }

    const kinds: Record<string, string> = {
      'a refresh token': 'rt+jwt',
      'a DPoP proof': 'dpop+jwt',
      'a security event token': 'secevent+jwt',
      'a logout token': 'logout+jwt',
      'a status list token': 'statuslist+jwt',
      'an introspection response': 'token-introspection+jwt',
      'an authorization request': 'oauth-authz-req+jwt',
      'an ID token': 'JWT',
      'a password reset token': 'reset+jwt',
      'an e-mail verification token': 'verify+jwt',
    }
    for (const [kind, typ] of Object.entries(kinds)) {
      it(`JW-10 RT-10 ${kind} with an access token’s claims (typ ${typ})`, () => refusesForm(token({ ...HEADER, typ })))
    }

    for (const kid of ['', null, true, 0, 1, [], ['k1'], {}, { $ne: null }]) {
      it(`JW-04 the key id ${JSON.stringify(kid)}`, () => refusesForm(token({ ...HEADER, kid })))
    }

    for (const member of ['alg', 'typ', 'kid']) {
      it(`JW-01 JW-04 JW-10 a header without ${member}`, () => refusesForm(token({ ...HEADER, [member]: undefined })))
    }

    const ownKey = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }
    const members: [requirement: string, name: string, value: unknown][] = [
      ['JW-03', 'jwk', ownKey],
      ['JW-03', 'jku', 'https://attacker.example/jwks.json'],
      ['JW-03', 'x5u', 'https://attacker.example/cert.pem'],
      ['JW-03', 'x5c', ['MIIB']],
      ['JW-03', 'x5t', 'AA'],
      ['JW-03', 'x5t#S256', 'AA'],
      ['JW-05', 'crit', []],
      ['JW-05', 'crit', ['x']],
      ['JW-05', 'crit', ['b64']],
      ['JW-05', 'crit', ['alg']],
      ['JW-05', 'crit', 'exp'],
      ['JW-05', 'crit', null],
      ['JW-05', 'b64', false],
      ['JW-05', 'b64', true],
      ['JW-07', 'cty', 'JWT'],
      ['JW-07', 'enc', 'A256GCM'],
      ['JW-07', 'zip', 'DEF'],
      ['JW-07', 'epk', ownKey],
      ['JW-07', 'p2c', 2_000_000_000],
      ['JW-04', 'KID', 'k2'],
      ['JW-01', 'Alg', 'none'],
      ['JW-09', 'iss', ISSUER],
      ['JW-09', '', 1],
      ['JW-09', 'constructor', 1],
      ['JW-09', 'toString', null],
    ]
    for (const [requirement, name, value] of members) {
      it(`${requirement} the further member ${JSON.stringify({ [name]: value })}`, () =>
        refusesForm(token({ ...HEADER, [name]: value })))
    }

    const texts: Record<string, string> = {
      'two members alg (JW-01)': '{"alg":"none","typ":"at+jwt","kid":"k1","alg":"ES256"}',
      'two members alg, one of them escaped (JW-01)': String.raw`{"alg":"ES256","typ":"at+jwt","kid":"k1","\u0061lg":"none"}`,
      'two members kid (JW-04)': '{"alg":"ES256","typ":"at+jwt","kid":"k1","kid":"k1"}',
      'a member __proto__': '{"alg":"ES256","typ":"at+jwt","kid":"k1","__proto__":{}}',
      'its members in __proto__': '{"__proto__":{"alg":"ES256","typ":"at+jwt","kid":"k1"}}',
      'its kid in __proto__': '{"alg":"ES256","typ":"at+jwt","__proto__":{"kid":"k1"}}',
      'an array': '[{"alg":"ES256","typ":"at+jwt","kid":"k1"}]',
      'an array of pairs': '[["alg","ES256"],["typ","at+jwt"],["kid","k1"]]',
      'a string': '"ES256"',
      null: 'null',
      'an empty object': '{}',
      'a byte order mark': '\ufeff{"alg":"ES256","typ":"at+jwt","kid":"k1"}',
      'something after the object': '{"alg":"ES256","typ":"at+jwt","kid":"k1"}\0',
    }
    for (const [what, text] of Object.entries(texts)) {
      it(`JW-09 as header ${what}`, () => refusesForm(token(text)))
    }
  })

  it('JW-04 hands over a key id as text, however hostile, and leaves the look-up to the caller', () => {
    for (const kid of [
      'unknown',
      '../../dev/null',
      "' OR 1=1--",
      '__proto__',
      'constructor',
      'a\0b',
      'x'.repeat(4000),
    ]) {
      assert.equal(readAccessToken(token({ ...HEADER, kid })).kid, kid)
    }
  })

  describe('refuses, by its payload', () => {
    const texts: Record<string, string | Uint8Array> = {
      'an array': '[]',
      'an array that holds the claims': JSON.stringify([CLAIMS]),
      'a string': '"x"',
      null: 'null',
      'a number': '0',
      'a nested token (JW-07)': token(HEADER),
      'a member twice': `${JSON.stringify(CLAIMS).slice(0, -1)},"sub":"user-2"}`,
      'a member twice, once escaped': `${JSON.stringify(CLAIMS).slice(0, -1)},"\\u0073ub":"user-2"}`,
      'a byte order mark': `\ufeff${JSON.stringify(CLAIMS)}`,
      'bytes that are no UTF-8': Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'é' }), 'latin1'),
      '3,000 levels of nesting, never closed': '['.repeat(3000),
    }
    for (const [what, content] of Object.entries(texts)) {
      it(`JW-09 ${what}`, () => refusesForm(token(HEADER, content)))
    }
  })

  describe('refuses, by its structure', () => {
    const good = token(HEADER)
    const [header, payload, signature] = good.split('.')
    const structures: Record<string, string> = {
      nothing: '',
      'two segments': `${header}.${payload}`,
      'an empty signature': `${header}.${payload}.`,
      'four segments': `${good}.${signature}`,
      'a JWE’s five segments (JW-07)': `${header}.AA.AA.${payload}.${signature}`,
      padding: `${good}==`,
      'a newline after it': `${good}\n`,
      'a space before it': ` ${good}`,
      'two tokens joined by a comma': `${good},${good}`,
      'the JSON form': JSON.stringify({ protected: header, payload, signature }),
    }
    for (const [what, text] of Object.entries(structures)) {
      it(`JW-06 ${what}`, () => refusesForm(text))
    }

    it('JW-16 more than 8192 characters', () => {
      const [start] = token(HEADER).split(/(?<=\.)[^.]+$/)
      assert.ok(start)
      const room = MAX_ACCESS_TOKEN_LENGTH - start.length
      const longest = start + 'A'.repeat(room - (room % 4))
      assert.equal(readAccessToken(longest).kid, 'k1')
      refusesForm(`${longest}AAAA`)
      refusesForm(start + 'A'.repeat(65_536))
    })
  })

  it('ER-04 answers any text at all with a token’s form or with access_token_invalid, and nothing else', () => {
    const segment = fc.oneof(
      fc.jsonValue().map((value) => base64url(JSON.stringify(value))),
      fc.constant(base64url(JSON.stringify(HEADER))),
      fc.uint8Array().map(base64url),
      fc.string({ unit: codeUnits }),
    )
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        try {
          readAccessToken(segments.join('.'))
        } catch (error) {
          assert.ok(error instanceof LatchkeyError && error.code === 'access_token_invalid')
        }
      }),
      { seed, numRuns: 500 },
    )
  })

  it('JW-06 never reads two texts as the same token: one changed character changes what is signed or the signature', () => {
    const good = token(HEADER)
    const original = good.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.string({ unit: fc.nat(127).map((code) => String.fromCharCode(code)), minLength: 0, maxLength: 1 }),
        (at, char) => {
          const changed = good.slice(0, at) + char + good.slice(at + 1)
          if (changed === good || !isRead(changed)) return
          const bytes = changed.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
          assert.notDeepEqual(bytes, original)
        },
      ),
      { seed, numRuns: 2000 },
    )
  })
})

describe('checkAccessTokenClaims', () => {
  it('returns the claims of a good token, further ones included', () => {
    const claims = {
      ...CLAIMS,
      auth_time: NOW - 100,
      amr: ['pwd', 'otp'],
      scope: 'read write',
      nbf: NOW,
      role: 'admin',
    }
    assert.deepEqual(checkAccessTokenClaims(claims, EXPECTED), claims)
  })

  it('refuses an empty list of authentication methods: without any, the claim is left out', () => {
    assert.equal(outcomeOf({ ...CLAIMS, amr: [] }), 'access_token_invalid')
  })

  describe('time', () => {
    const outcomes: [sentence: string, change: Record<string, unknown>, outcome: ErrorCode | 'accepted'][] = [
      ['accepts a token in its last second', { exp: NOW + 1 }, 'accepted'],
      ['accepts a fraction of a second (RFC 7519 §2)', { exp: NOW + 0.5, iat: NOW - 0.5 }, 'accepted'],
      ['calls a token expired from exp on', { exp: NOW }, 'access_token_expired'],
      ['calls a token expired after exp, without leeway', { exp: NOW - 1 }, 'access_token_expired'],
      ['calls a token expired well after exp', { exp: NOW - 61 }, 'access_token_expired'],
      ['calls a token expired whose exp is 0', { exp: 0 }, 'access_token_expired'],
      ['accepts an iat ahead of us by the skew', { iat: NOW + SKEW }, 'accepted'],
      ['refuses an iat ahead of us by more', { iat: NOW + SKEW + 1 }, 'access_token_invalid'],
      ['refuses an iat of tomorrow', { iat: NOW + 86_400, exp: NOW + 90_000 }, 'access_token_invalid'],
      ['accepts a token without nbf', {}, 'accepted'],
      ['accepts an nbf ahead of us by the skew', { nbf: NOW + SKEW }, 'accepted'],
      ['refuses an nbf ahead of us by more', { nbf: NOW + SKEW + 1 }, 'access_token_invalid'],
      ['refuses an iat in milliseconds', { iat: NOW * 1000 }, 'access_token_invalid'],
      // Once a year in the distant future, so in effect a token for ever.
      ['refuses an exp in milliseconds', { exp: (NOW + 800) * 1000 }, 'access_token_invalid'],
      ['accepts the last second of the year 9999 as exp', { exp: 253_402_300_799 }, 'accepted'],
      ['refuses an exp after the year 9999', { exp: 253_402_300_800 }, 'access_token_invalid'],
      ['refuses an exp of 2^53', { exp: 2 ** 53 }, 'access_token_invalid'],
      ['refuses an infinite exp', { exp: Number.POSITIVE_INFINITY }, 'access_token_invalid'],
      ['refuses an infinite nbf', { nbf: Number.NEGATIVE_INFINITY }, 'access_token_invalid'],
      ['refuses an exp that is not a number', { exp: Number.NaN }, 'access_token_invalid'],
      ['refuses a negative exp', { exp: -1 }, 'access_token_invalid'],
      ['refuses a negative iat', { iat: -1 }, 'access_token_invalid'],
      ['refuses a negative nbf', { nbf: -1 }, 'access_token_invalid'],
      ['refuses a negative auth_time', { auth_time: -1 }, 'access_token_invalid'],
    ]
    for (const [sentence, change, outcome] of outcomes) {
      it(`JW-08 ${sentence}`, () => assert.equal(outcomeOf({ ...CLAIMS, ...change }), outcome))
    }

    it('JW-08 allows no skew when none is configured', () => {
      assert.equal(outcomeOf({ ...CLAIMS, iat: NOW }, { clockSkew: 0 }), 'accepted')
      assert.equal(outcomeOf({ ...CLAIMS, iat: NOW + 1 }, { clockSkew: 0 }), 'access_token_invalid')
    })

    it('JW-09 refuses 1e400, which JSON.parse reads as infinity', () => {
      const payload = JSON.stringify(CLAIMS).replace(`"exp":${CLAIMS.exp}`, '"exp":1e400')
      const { unverifiedClaims } = readAccessToken(token(HEADER, payload))
      assert.equal(unverifiedClaims.exp, Number.POSITIVE_INFINITY)
      assert.equal(outcomeOf(unverifiedClaims), 'access_token_invalid')
    })

    it('JW-08 lets nothing through when the clock or the skew is not a number', () => {
      assert.notEqual(outcomeOf(CLAIMS, { now: Number.NaN }), 'accepted')
      assert.notEqual(outcomeOf(CLAIMS, { clockSkew: Number.NaN }), 'accepted')
    })

    it('JW-08 accepts exactly between iat (less the skew) and exp', () => {
      const offset = fc.integer({ min: -200, max: 200 })
      fc.assert(
        fc.property(
          offset,
          offset,
          fc.option(offset, { nil: undefined }),
          fc.integer({ min: 0, max: 60 }),
          (...drawn) => {
            const [iat, exp, nbf, clockSkew] = drawn
            const claims = { ...CLAIMS, iat: NOW + iat, exp: NOW + exp, ...(nbf !== undefined && { nbf: NOW + nbf }) }
            const begun = iat <= clockSkew && (nbf ?? 0) <= clockSkew
            const expected = !begun ? 'access_token_invalid' : exp <= 0 ? 'access_token_expired' : 'accepted'
            assert.equal(outcomeOf(claims, { clockSkew }), expected)
          },
        ),
        { seed, numRuns: 500 },
      )
    })
  })

  describe('issuer', () => {
    const issuers: Record<string, unknown> = {
      'with a slash at the end': `${ISSUER}/`,
      'in another case': 'https://APP.example.com/auth',
      'cut short': 'https://app.example.com',
      'with more behind it': `${ISSUER}/evil`,
      'with a space': `${ISSUER} `,
      'over http': 'http://app.example.com/auth',
      'with its port spelled out': 'https://app.example.com:443/auth',
      'of somebody else': 'https://attacker.example',
      'in an array': [ISSUER],
      'in an array with another': [ISSUER, 'https://attacker.example'],
      'in an object': { [ISSUER]: true },
      'as the empty string': '',
      'as null': null,
    }
    for (const [how, iss] of Object.entries(issuers)) {
      it(`JW-11 refuses the issuer ${how}`, () => assert.equal(outcomeOf({ ...CLAIMS, iss }), 'access_token_invalid'))
    }
  })

  describe('audience', () => {
    it('JW-12 accepts this API as the only audience', () => {
      assert.equal(outcomeOf({ ...CLAIMS, aud: AUDIENCE }), 'accepted')
      assert.equal(outcomeOf({ ...CLAIMS, aud: [AUDIENCE] }), 'accepted')
    })
    it('JW-12 accepts this API among several', () => {
      assert.equal(outcomeOf({ ...CLAIMS, aud: ['https://other.example.com', AUDIENCE] }), 'accepted')
    })

    const audiences: Record<string, unknown> = {
      'another API': 'https://other.example.com',
      'several others': ['https://other.example.com', 'https://third.example.com'],
      'a part of our name': 'https://api.example',
      'our name and more': `${AUDIENCE}.attacker.example`,
      'our name with a slash': `${AUDIENCE}/`,
      'our name in another case': AUDIENCE.toUpperCase(),
      'a list in a string': `https://other.example.com ${AUDIENCE}`,
      'a list with a comma in a string': `${AUDIENCE},https://other.example.com`,
      'an empty string': '',
      'an empty list': [],
      'an empty string in a list': [''],
      'our name in a list in a list': [[AUDIENCE]],
      'our name beside something that is no string': [AUDIENCE, 1],
      'our name beside null': [null, AUDIENCE],
      'an object that has our name': { 0: AUDIENCE, length: 1 },
      'our name as a member': { [AUDIENCE]: true },
      true: true,
      'a number': 0,
      null: null,
    }
    for (const [what, aud] of Object.entries(audiences)) {
      it(`JW-12 refuses as audience ${what}`, () => assert.equal(outcomeOf({ ...CLAIMS, aud }), 'access_token_invalid'))
    }
  })

  describe('types', () => {
    for (const claim of Object.keys(CLAIMS)) {
      it(`JW-09 JW-13 refuses a token without ${claim}`, () => {
        assert.equal(outcomeOf({ ...CLAIMS, [claim]: undefined }), 'access_token_invalid')
        const { [claim]: _, ...without } = { ...CLAIMS } as Record<string, unknown>
        assert.equal(outcomeOf(without), 'access_token_invalid')
      })
    }

    const isText = (value: unknown) => typeof value === 'string'
    const isTime = (value: unknown) => typeof value === 'number'
    const isTextOrTexts = (value: unknown) => isText(value) || (Array.isArray(value) && value.every(isText))
    const types: Record<string, (value: unknown) => boolean> = {
      iss: isText,
      sub: isText,
      aud: isTextOrTexts,
      client_id: isText,
      iat: isTime,
      exp: isTime,
      nbf: isTime,
      jti: isText,
      sid: isText,
      auth_time: isTime,
      amr: (value) => !isText(value) && isTextOrTexts(value),
      scope: isText,
    }
    const awkward = [null, true, false, '', '0', '9999999999', 'true', [], [0], [null], [[]], {}, { a: 1 }, [{}], 0]
    for (const [claim, isOfType] of Object.entries(types)) {
      it(`JW-09 refuses a ${claim} of any other type`, () => {
        const wrong = fc.oneof(fc.constantFrom(...awkward), fc.jsonValue()).filter((value) => !isOfType(value))
        fc.assert(
          fc.property(wrong, (value) => {
            assert.equal(outcomeOf({ ...CLAIMS, [claim]: value }), 'access_token_invalid')
          }),
          { seed, numRuns: 60 },
        )
      })
    }

    for (const claim of ['iss', 'sub', 'client_id', 'jti', 'sid']) {
      it(`JW-09 refuses an empty ${claim}`, () => {
        assert.equal(outcomeOf({ ...CLAIMS, [claim]: '' }), 'access_token_invalid')
      })
    }

    it('JW-09 looks for claims in the token itself, not in what it calls __proto__', () => {
      const payload = `{"__proto__":${JSON.stringify(CLAIMS)}}`
      assert.equal(outcomeOf(readAccessToken(token(HEADER, payload)).unverifiedClaims), 'access_token_invalid')
    })

    it('JW-09 is not led astray by a member __proto__ beside good claims', () => {
      const payload = `${JSON.stringify(CLAIMS).slice(0, -1)},"__proto__":{"scope":"admin"}}`
      const claims = checkAccessTokenClaims(readAccessToken(token(HEADER, payload)).unverifiedClaims, EXPECTED)
      assert.equal(claims.scope, undefined)
      assert.equal(Object.getPrototypeOf(claims), Object.prototype)
    })
  })

  describe('kind confusion', () => {
    const kinds: Record<string, Record<string, unknown>> = {
      'an ID token': { ...CLAIMS, client_id: undefined, sid: undefined, nonce: 'n', aud: 'web' },
      'a security event token': { iss: ISSUER, iat: NOW, jti: 'j', aud: AUDIENCE, events: {} },
      'a DPoP proof': { htm: 'GET', htu: `${AUDIENCE}/me`, iat: NOW, jti: 'j' },
      'a status list token': { iss: ISSUER, sub: ISSUER, iat: NOW, exp: NOW + 60, status_list: { bits: 1, lst: '' } },
      'a refresh token': { iss: ISSUER, sub: 'user-1', sid: 's', key: 'k', gen: 1, jti: 'j', iat: NOW, exp: NOW + 60 },
      'another issuer’s access token': { ...CLAIMS, sid: undefined },
    }
    for (const [kind, claims] of Object.entries(kinds)) {
      it(`RT-10 refuses the claims of ${kind}`, () => assert.equal(outcomeOf(claims), 'access_token_invalid'))
    }

    it('RT-10 refuses a real refresh token', () => {
      const key = refreshTokenKey(createSecretKey(Buffer.alloc(32, 1)), 'k1')
      const claims = { iss: ISSUER, sub: 'user-1', sid: 's', key: 'k', gen: 1, jti: 'j', iat: NOW, exp: NOW + 60 }
      refusesForm(encodeRefreshToken(claims, key))
    })
  })

  it('says "expired" only of a token that is right in everything else', () => {
    const expired = { ...CLAIMS, exp: NOW - 1 }
    assert.equal(outcomeOf(expired), 'access_token_expired')
    const faults = [
      { iss: 'x' },
      { aud: 'x' },
      { sub: 1 },
      { iat: NOW + 61 },
      { nbf: NOW + 61 },
      { nbf: '0' },
      { jti: '' },
    ]
    for (const fault of faults) {
      assert.equal(outcomeOf({ ...expired, ...fault }), 'access_token_invalid', JSON.stringify(fault))
    }
  })

  it('JW-09 checks the type of every claim in the RFC 9068 profile, and reserves it', () => {
    for (const claim of [...Object.keys(CLAIMS), 'nbf', 'auth_time', 'amr', 'scope']) {
      assert.ok(RESERVED_CLAIMS.has(claim), claim)
    }
    assert.ok(RESERVED_CLAIMS.has('cnf') && RESERVED_CLAIMS.has('acr') && RESERVED_CLAIMS.has('__proto__'))
  })
})

function base64url(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64url')
}

/** A token with a made-up signature; header and payload may be given as the text or bytes to send. */
function token(header: object | string, payload: string | Uint8Array = JSON.stringify(CLAIMS)): string {
  const headerText = typeof header === 'string' ? header : JSON.stringify(header)
  return `${base64url(headerText)}.${base64url(payload)}.${SIGNATURE}`
}

function isRead(text: string): boolean {
  try {
    readAccessToken(text)
    return true
  } catch {
    return false
  }
}

function refusesForm(text: string): void {
  assert.throws(() => readAccessToken(text), isInvalid)
}

/** ER-04: whatever was wrong, the error says the same and repeats nothing of the token. */
function isInvalid(error: unknown): boolean {
  assert.ok(error instanceof LatchkeyError)
  assert.equal(error.code, 'access_token_invalid')
  assert.deepEqual(error.facts, {})
  assert.equal(error.cause, undefined)
  return true
}

function outcomeOf(
  claims: Readonly<Record<string, unknown>>,
  change: Partial<AccessTokenExpectations> = {},
): ErrorCode | 'accepted' {
  try {
    assert.equal(checkAccessTokenClaims(claims, { ...EXPECTED, ...change }), claims)
    return 'accepted'
  } catch (error) {
    if (error instanceof LatchkeyError) return error.code
    throw error
  }
}
