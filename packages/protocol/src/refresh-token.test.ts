import assert from 'node:assert/strict'
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { splitCompact } from './compact.ts'
import { LatchkeyError } from './errors.ts'
import {
  decodeRefreshToken,
  encodeRefreshToken,
  hashSessionKey,
  MAX_REFRESH_TOKEN_LENGTH,
  type RefreshTokenClaims,
  refreshTokenKey,
} from './refresh-token.ts'

const seed = 9700
/** Any UTF-16 code unit, lone surrogates among them. */
const codeUnits = fc.nat(0xffff).map((code) => String.fromCharCode(code))

const ISSUER = 'https://app.example.com/auth'
const SECRET = createSecretKey(Buffer.alloc(32, 1))
const OLD_SECRET = createSecretKey(Buffer.alloc(32, 2))
const KEY = refreshTokenKey(SECRET, 'new')
const OLD_KEY = refreshTokenKey(OLD_SECRET, 'old')

const CLAIMS: RefreshTokenClaims = {
  iss: ISSUER,
  sub: 'user-1',
  sid: 'BBBBBBBBBBBBBBBBBBBBBB',
  key: 'CCCCCCCCCCCCCCCCCCCCCA',
  gen: 1,
  jti: 'AAAAAAAAAAAAAAAAAAAAAA',
  iat: 1_800_000_000,
  exp: 1_801_209_600,
}
const TOKEN = encodeRefreshToken(CLAIMS, KEY)
const [HEADER = '', PAYLOAD = '', MAC = ''] = TOKEN.split('.')

describe('a refresh token', () => {
  it('is a compact JWS of type rt+jwt under HS256, in its one canonical spelling', () => {
    assert.ok(splitCompact(TOKEN, MAX_REFRESH_TOKEN_LENGTH))
    assert.deepEqual(json(HEADER), { alg: 'HS256', typ: 'rt+jwt', kid: 'new' })
    assert.deepEqual(json(PAYLOAD), CLAIMS)
    assert.equal(MAC, hs256(`${HEADER}.${PAYLOAD}`, SECRET))
  })

  it('reads back as the claims it was made of, whatever they hold', () => {
    const text = fc.string({ unit: codeUnits, maxLength: 16 })
    const claims = fc.record(
      {
        iss: text,
        sub: text,
        sid: text,
        key: text,
        gen: fc.maxSafeNat(),
        jti: text,
        iat: fc.maxSafeNat(),
        exp: fc.maxSafeNat(),
      },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(claims, text, (made, kid) => {
        const key = refreshTokenKey(SECRET, kid)
        const token = encodeRefreshToken(made, key)
        assert.ok(splitCompact(token, MAX_REFRESH_TOKEN_LENGTH))
        assert.deepEqual(decodeRefreshToken(token, [OLD_KEY, key], made.iss), made)
      }),
      { seed, numRuns: 300 },
    )
  })

  it('reads back after it has expired, so that one can still sign out with it', () => {
    const expired = { ...CLAIMS, iat: 0, exp: 1 }
    assert.deepEqual(decodeRefreshToken(encodeRefreshToken(expired, KEY), [KEY], ISSUER), expired)
  })

  it('reads back under each of several keys, and no longer once its key is gone', () => {
    const old = encodeRefreshToken(CLAIMS, OLD_KEY)
    assert.deepEqual(decodeRefreshToken(TOKEN, [KEY, OLD_KEY], ISSUER), CLAIMS)
    assert.deepEqual(decodeRefreshToken(old, [KEY, OLD_KEY], ISSUER), CLAIMS)
    refuses(old, [KEY])
    refuses(old, [])
  })

  it('is for one issuer (JW-11)', () => {
    for (const issuer of [`${ISSUER}/`, ISSUER.toUpperCase(), 'https://app.example.com', '', 'https://b.example']) {
      refuses(TOKEN, [KEY], issuer)
    }
    refuses(encodeRefreshToken({ ...CLAIMS, iss: 'https://b.example' }, KEY))
  })
})

describe('a changed refresh token', () => {
  const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/'

  it('JW-06 is refused when any one character is another', () => {
    // Every place with a few characters each; among them all that differ only in the spare bits of the last.
    for (let at = 0; at < TOKEN.length; at++) {
      const start = CHARACTERS.indexOf(TOKEN.charAt(at))
      for (const step of [1, 2, 3, 16, 32, 64]) {
        refuses(TOKEN.slice(0, at) + CHARACTERS.charAt((start + step) % CHARACTERS.length) + TOKEN.slice(at + 1))
      }
    }
    for (const last of CHARACTERS) if (last !== TOKEN.at(-1)) refuses(TOKEN.slice(0, -1) + last)
  })

  it('JW-06 is refused when any one character is missing, doubled or added, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.nat(TOKEN.length),
        fc.nat(1),
        fc.string({ unit: codeUnits, maxLength: 1 }),
        (at, removed, added) => {
          const changed = TOKEN.slice(0, at) + added + TOKEN.slice(at + removed)
          if (changed !== TOKEN) refuses(changed)
        },
      ),
      { seed, numRuns: 2000 },
    )
    for (let at = 0; at < TOKEN.length; at++) refuses(TOKEN.slice(0, at) + TOKEN.slice(at + 1))
  })

  it('JW-06 is refused when it is cut short anywhere', () => {
    for (let length = 0; length < TOKEN.length; length++) refuses(TOKEN.slice(0, length))
  })

  const structures: Record<string, string> = {
    nothing: '',
    'a dot': '.',
    'two dots': '..',
    'its header alone': HEADER,
    'its header and a dot': `${HEADER}.`,
    'its header and two dots': `${HEADER}..`,
    'no signature': `${HEADER}.${PAYLOAD}`,
    'an empty signature (JW-01)': `${HEADER}.${PAYLOAD}.`,
    'a leading dot': `.${TOKEN}`,
    'a trailing dot': `${TOKEN}.`,
    'its signature twice': `${TOKEN}.${MAC}`,
    'its payload twice': `${HEADER}.${PAYLOAD}.${PAYLOAD}.${MAC}`,
    'five segments (JW-07)': `${HEADER}.${PAYLOAD}.${PAYLOAD}.${PAYLOAD}.${MAC}`,
    padding: `${TOKEN}=`,
    'a space before it': ` ${TOKEN}`,
    'a space after it': `${TOKEN} `,
    'a newline after it': `${TOKEN}\n`,
    'a NUL after it': `${TOKEN}\0`,
    'quotes around it': `"${TOKEN}"`,
    'standard base64 in the signature': `${HEADER}.${PAYLOAD}.${Buffer.from(MAC, 'base64url').toString('base64')}`,
    'hexadecimal in the signature': `${HEADER}.${PAYLOAD}.${Buffer.from(MAC, 'base64url').toString('hex')}`,
    'zeros for a signature': `${HEADER}.${PAYLOAD}.${Buffer.alloc(32).toString('base64url')}`,
    'the signature of another token': `${HEADER}.${PAYLOAD}.${encodeRefreshToken({ ...CLAIMS, gen: 2 }, KEY).split('.')[2]}`,
    'the payload of another token': `${HEADER}.${encodeRefreshToken({ ...CLAIMS, gen: 2 }, KEY).split('.')[1]}.${MAC}`,
    'two tokens joined by a comma': `${TOKEN},${TOKEN}`,
    'the flattened JSON form': JSON.stringify({ protected: HEADER, payload: PAYLOAD, signature: MAC }),
  }
  for (const [what, token] of Object.entries(structures)) {
    it(`JW-06 is refused as ${what}`, () => refuses(token))
  }
})

describe('a token that its issuer did not make', () => {
  const headers: Record<string, string> = {
    'JW-01 alg none': '{"alg":"none","typ":"rt+jwt","kid":"new"}',
    'JW-01 another HMAC': '{"alg":"HS512","typ":"rt+jwt","kid":"new"}',
    'JW-01 an algorithm in lower case': '{"alg":"hs256","typ":"rt+jwt","kid":"new"}',
    'JW-02 an asymmetric algorithm': '{"alg":"ES256","typ":"rt+jwt","kid":"new"}',
    'JW-01 no algorithm': '{"typ":"rt+jwt","kid":"new"}',
    'JW-01 two algorithms': '{"alg":"HS256","typ":"rt+jwt","kid":"new","alg":"none"}',
    'JW-04 no key id': '{"alg":"HS256","typ":"rt+jwt"}',
    'JW-04 an unknown key id': '{"alg":"HS256","typ":"rt+jwt","kid":"other"}',
    'JW-04 an empty key id': '{"alg":"HS256","typ":"rt+jwt","kid":""}',
    'JW-04 the key id __proto__': '{"alg":"HS256","typ":"rt+jwt","kid":"__proto__"}',
    'JW-04 a list of key ids': '{"alg":"HS256","typ":"rt+jwt","kid":["new"]}',
    'JW-03 a key of its own': '{"alg":"HS256","typ":"rt+jwt","kid":"new","jwk":{"kty":"oct","k":"AA"}}',
    'JW-05 a crit': '{"alg":"HS256","typ":"rt+jwt","kid":"new","crit":["exp"]}',
    'JW-05 b64 false': '{"alg":"HS256","typ":"rt+jwt","kid":"new","b64":false,"crit":["b64"]}',
    'JW-07 a compression': '{"alg":"HS256","typ":"rt+jwt","kid":"new","zip":"DEF"}',
    'RT-10 no type': '{"alg":"HS256","kid":"new"}',
    'RT-10 the type of an access token': '{"alg":"HS256","typ":"at+jwt","kid":"new"}',
    'RT-10 the type of any JWT': '{"alg":"HS256","typ":"JWT","kid":"new"}',
    'RT-10 the type of a reset token': '{"alg":"HS256","typ":"reset+jwt","kid":"new"}',
    'RT-10 the type of a verification token': '{"alg":"HS256","typ":"verify+jwt","kid":"new"}',
    'RT-10 the type of a DPoP proof': '{"alg":"HS256","typ":"dpop+jwt","kid":"new"}',
    'RT-10 its type spelled in another way': '{"alg":"HS256","typ":"RT+JWT","kid":"new"}',
    'JW-09 the same header in another order': '{"typ":"rt+jwt","alg":"HS256","kid":"new"}',
    'JW-09 the same header with white space': '{"alg": "HS256","typ":"rt+jwt","kid":"new"}',
    'JW-09 a byte order mark': '\ufeff{"alg":"HS256","typ":"rt+jwt","kid":"new"}',
    'JW-09 a list for a header': '[{"alg":"HS256","typ":"rt+jwt","kid":"new"}]',
  }
  for (const [what, header] of Object.entries(headers)) {
    it(`is refused for its header, though the right key signed it: ${what}`, () => {
      const signingInput = `${Buffer.from(header).toString('base64url')}.${PAYLOAD}`
      refuses(`${signingInput}.${hs256(signingInput, SECRET)}`, [KEY, OLD_KEY])
      refuses(`${signingInput}.`, [KEY, OLD_KEY])
    })
  }

  it('is refused for its form, though the right key signed it', () => {
    for (const signingInput of [
      HEADER,
      `${HEADER}AAAA.${PAYLOAD}`,
      `.${HEADER}.${PAYLOAD}`,
      `.${PAYLOAD}`,
      PAYLOAD,
      '',
    ]) {
      refuses(`${signingInput}.${hs256(signingInput, SECRET)}`)
    }
  })

  const wrongKeys: Record<string, KeyObject> = {
    'an empty key (JW-04)': createSecretKey(Buffer.alloc(0)),
    'its own key id as key': createSecretKey('new', 'utf8'),
    'its own header as key': createSecretKey(HEADER, 'utf8'),
    'the session’s secret as key': createSecretKey(CLAIMS.key, 'base64url'),
    'the key of another key id': OLD_SECRET,
    'a key that differs in its last bit': createSecretKey(Buffer.from([...Buffer.alloc(31, 1), 0])),
  }
  for (const [what, key] of Object.entries(wrongKeys)) {
    it(`JW-02 is refused when signed with ${what}`, () => {
      refuses(`${HEADER}.${PAYLOAD}.${hs256(`${HEADER}.${PAYLOAD}`, key)}`, [KEY, OLD_KEY])
    })
  }

  it('JW-01 is refused when signed with the right key and another hash', () => {
    for (const hash of ['sha1', 'sha384', 'sha512', 'sha3-256']) {
      refuses(`${HEADER}.${PAYLOAD}.${createHmac(hash, SECRET).update(`${HEADER}.${PAYLOAD}`).digest('base64url')}`)
    }
  })

  it('RT-10 is refused as an access token', () => {
    const header = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"new"}').toString('base64url')
    refuses(`${header}.${PAYLOAD}.${Buffer.alloc(64, 7).toString('base64url')}`)
  })

  it('ER-04 is refused without a crash, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: codeUnits }),
        fc.constantFrom('', HEADER, `${HEADER}.`, `${HEADER}.${PAYLOAD}.`),
        (text, start) => refuses(start + text),
      ),
      { seed, numRuns: 500 },
    )
  })
})

describe('the length of a refresh token', () => {
  it('RT-12 is refused above its limit, even when the signature is right', () => {
    const signingInput = `${HEADER}.${'A'.repeat(MAX_REFRESH_TOKEN_LENGTH)}`
    refuses(`${signingInput}.${hs256(signingInput, SECRET)}`)
    refuses('a'.repeat(1_000_000))
  })

  // Such a token used to be made, and its session ended at its first refresh.
  it('never exceeds the limit when made: what can be made can be read', () => {
    let made = 0
    let refused = 0
    for (let length = 2300; length < 2800; length++) {
      const claims = { ...CLAIMS, sub: 'x'.repeat(length) }
      try {
        const token = encodeRefreshToken(claims, KEY)
        made++
        assert.deepEqual(decodeRefreshToken(token, [KEY], ISSUER), claims)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
        refused++
      }
    }
    assert.ok(made > 0 && refused > 0, 'the limit lies within what was tried')
  })

  it('leaves room for the longest issuer and subject that anybody should need', () => {
    const claims = {
      ...CLAIMS,
      iss: `https://${'x'.repeat(247)}`,
      sub: '\u{1F511}'.repeat(127),
      gen: Number.MAX_SAFE_INTEGER,
    }
    assert.deepEqual(decodeRefreshToken(encodeRefreshToken(claims, KEY), [KEY], claims.iss), claims)
  })
})

describe('hashSessionKey', () => {
  it('is SHA-256 in base64url (FIPS 180-4, "abc")', () => {
    const digest = Buffer.from(hashSessionKey('abc'), 'base64url').toString('hex')
    assert.equal(digest, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    assert.match(hashSessionKey('abc'), /^[A-Za-z0-9_-]{43}$/)
  })
})

/** RT-12: one answer for all that is malformed or forged, with nothing in it to tell one cause from another. */
function refuses(token: string, keys = [KEY], issuer = ISSUER): void {
  try {
    decodeRefreshToken(token, keys, issuer)
  } catch (error) {
    assert.ok(error instanceof LatchkeyError, String(error))
    assert.equal(error.code, 'refresh_token_invalid')
    assert.equal(error.message, 'Refresh token invalid')
    assert.deepEqual(error.facts, {})
    assert.equal(error.cause, undefined)
    return
  }
  assert.fail(`accepted: ${JSON.stringify(token)}`)
}

function hs256(signingInput: string, key: KeyObject): string {
  return createHmac('sha256', key).update(signingInput).digest('base64url')
}

function json(segment: string): unknown {
  return JSON.parse(Buffer.from(segment, 'base64url').toString())
}
