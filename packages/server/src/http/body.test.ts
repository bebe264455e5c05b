import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { MAX_BODY_BYTES } from './body.ts'
import { outcome, PASSWORD, start } from './testing/start.ts'

const server = await start()
const ada = await server.signUp('body', 'ada@example.com')
after(async () => {
  assert.equal((await ada.me()).status, 200)
  assert.equal((await ada.get('/sessions')).body.sessions?.length, 1, 'nothing was started, nothing ended')
  assert.equal(server.events.filter(({ type }) => type === 'account_created').length, 1)
  await server.close()
})

const JSON_TYPE = { 'content-type': 'application/json' }
const MALFORMED = '400 body_malformed'
const INVALID = '422 validation_failed'
const TOO_LARGE = '413 body_too_large'

/** Every route that reads a body. */
const ROUTES = [
  ['POST', '/signup'],
  ['POST', '/login'],
  ['POST', '/refresh'],
  ['POST', '/password'],
  ['POST', '/password/reset'],
  ['DELETE', '/me'],
] as const

type Raw = string | Uint8Array<ArrayBuffer>

const bytes = (...parts: (string | number[])[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))))

const MALFORMED_BODIES: readonly (readonly [what: string, raw: Raw])[] = [
  ['half an object', '{"email":"ada@exam'],
  ['an object and more', '{}}'],
  ['two objects', '{}{}'],
  ['single quotes', "{'email':'x'}"],
  ['a trailing comma', '{"email":"x",}'],
  ['a comment', '{/**/}'],
  ['NaN', '{"email":NaN}'],
  ['a control character in a string', '{"email":"\u0001"}'],
  ['white space alone', '  '],
  ['an array', '[]'],
  ['an array of objects', '[{"email":"x"}]'],
  ['a string', '"x"'],
  ['null', 'null'],
  ['a number', '1'],
  ['true', 'true'],
  ['a member twice', '{"email":"a@example.com","email":"b@example.com"}'],
  ['a member twice, once escaped', '{"email":"a@example.com","\\u0065mail":"b@example.com"}'],
  ['a member twice, further in', '{"x":{"a":1,"a":2}}'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ['a byte order mark', '\ufeff{}'],
  ['invalid UTF-8', bytes('{"email":"', [0xff], '"}')],
  ['overlong UTF-8', bytes('{"email":"', [0xc0, 0xaf], '"}')],
  ['a surrogate in UTF-8', bytes('{"email":"', [0xed, 0xa0, 0x80], '"}')],
  ['UTF-16', new Uint8Array(Buffer.from('\ufeff{}', 'utf16le'))],
  ['gzip', bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0])],
  ['a form', 'email=x&password=y'],
  ['an array 8,000 deep', '['.repeat(8000) + ']'.repeat(8000)],
  ['half an array 16,000 deep', '['.repeat(16_000)],
  ['half an object, thousands deep', '{"a":'.repeat(3000)],
]

describe('bodies that are not one JSON object', () => {
  for (const [what, raw] of MALFORMED_BODIES) {
    it(`${what} → ${MALFORMED}`, async () => {
      for (const [method, path] of ROUTES) {
        const answer = await ada.send(method, path, { raw, headers: JSON_TYPE })
        assert.equal(outcome(answer), MALFORMED, path)
      }
    })
  }
})

describe('content types', () => {
  for (const type of [
    undefined,
    '',
    'text/plain',
    'TEXT/PLAIN',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/json-patch+json',
    'application/vnd.api+json',
    'application/json, text/plain',
    'text/plain; application/json',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json; version=2',
    '*/*',
  ]) {
    it(`${type ?? 'none'} → 415`, async () => {
      for (const [method, path] of ROUTES) {
        const headers = type === undefined ? {} : { 'content-type': type }
        const answer = await ada.send(method, path, { raw: bytes('{}'), headers })
        assert.equal(outcome(answer), '415 content_type_unsupported', path)
      }
    })
  }

  for (const type of ['APPLICATION/JSON', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"']) {
    it(`${type} is JSON`, async () => {
      assert.equal(outcome(await ada.send('POST', '/login', { raw: '{}', headers: { 'content-type': type } })), INVALID)
    })
  }

  it('an absent body is `{}`, whatever its type', async () => {
    assert.equal(outcome(await ada.send('POST', '/login')), INVALID)
    assert.equal(outcome(await ada.send('POST', '/login', { headers: { 'content-type': 'text/plain' } })), INVALID)
    assert.equal(outcome(await server.send('POST', '/refresh', {})), '401 refresh_token_missing')
  })
})

const WRONG_TYPES = [null, 0, true, [], ['x'], {}, { $ne: null }, { $gt: '' }, { $regex: '.*' }, { $where: 'sleep(1)' }]

describe('PW-12 fields of the wrong type', () => {
  const good = { email: 'x@example.com', password: PASSWORD, delivery: 'body' }
  for (const [method, path, form, fields] of [
    ['POST', '/signup', good, ['email', 'username', 'password', 'delivery', 'name']],
    ['POST', '/login', { password: PASSWORD, delivery: 'body' }, ['login', 'email', 'username']],
    ['POST', '/login', { login: 'x', delivery: 'body' }, ['password']],
    ['POST', '/login', { login: 'x', password: PASSWORD }, ['delivery']],
    ['POST', '/refresh', {}, ['refresh_token']],
    ['POST', '/password', { currentPassword: PASSWORD }, ['newPassword']],
    ['POST', '/password', { newPassword: PASSWORD }, ['currentPassword']],
    ['POST', '/password/reset', { newPassword: PASSWORD }, ['token']],
    ['POST', '/password/reset', { token: 'x' }, ['newPassword']],
    ['DELETE', '/me', {}, ['currentPassword']],
  ] as const) {
    for (const field of fields) {
      it(`${method} ${path}: ${field} → ${INVALID}, pointing at it`, async () => {
        for (const value of WRONG_TYPES) {
          const answer = await ada.send(method, path, { json: { ...form, [field]: value } })
          assert.equal(outcome(answer), INVALID, JSON.stringify(value))
          assert.ok(
            answer.body.errors?.some(({ pointer }) => pointer.startsWith(`/${field}`)),
            answer.text,
          )
          assert.ok(!answer.text.includes('sleep(1)'), 'ER-04: what was sent does not come back')
        }
      })
    }
  }
})

describe('odd text', () => {
  const login = (password: string, name = 'ada@example.com') =>
    ada.send('POST', '/login', { json: { login: name, password, delivery: 'body' } })

  for (const [what, password, expected] of [
    ['an empty password', '', INVALID],
    ['a NUL after the password', `${PASSWORD}\u0000`, '401 invalid_credentials'],
    ['a NUL and more', `${PASSWORD}\u0000x`, '401 invalid_credentials'],
    ['lone surrogates', '\ud800'.repeat(20), '401 invalid_credentials'],
    ['256 emoji', '🔑'.repeat(256), '401 invalid_credentials'],
    ['257 emoji', '🔑'.repeat(257), INVALID],
    ['a thousand combining marks', `e${'\u0301'.repeat(1000)}`, INVALID],
    ['a ligature that NFKC would make long', '\ufdfa'.repeat(256), '401 invalid_credentials'],
    ['PW-02 more than a person types', 'x'.repeat(15_000), INVALID],
  ] as const) {
    it(`${what} as a password → ${expected}`, async () => assert.equal(outcome(await login(password)), expected))
  }

  for (const name of [
    '\u0000',
    "' OR 1=1--",
    '"; DROP TABLE accounts;--',
    '{{7*7}}',
    '\ud800@example.com',
    '%00',
    '../../etc',
  ]) {
    it(`nobody is called ${JSON.stringify(name)}`, async () => {
      assert.equal(outcome(await login(PASSWORD, name)), '401 invalid_credentials')
    })
  }

  it('names that are too long or not names are refused', async () => {
    for (const form of [
      { email: `${'a'.repeat(250)}@example.com` },
      { email: 'a@b' },
      { email: 'a\u0000@example.com' },
      { email: 'a@example.com\r\nBcc: all@example.com' },
      { email: '🔑@example.com' },
      { username: '\u202eada' },
      { username: 'a\u0000da' },
      { username: 'x'.repeat(65) },
      { username: '\u0301'.repeat(10) },
      { email: 'x@example.com', name: 'x'.repeat(201) },
    ]) {
      const answer = await ada.send('POST', '/signup', { json: { ...form, password: PASSWORD, delivery: 'body' } })
      assert.equal(outcome(answer), INVALID, JSON.stringify(form))
    }
  })

  it('members named after an object’s inside reach nothing', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      const raw = `{"${name}":{"login":"ada@example.com","password":"${PASSWORD}","polluted":true},"delivery":"body"}`
      assert.equal(outcome(await ada.send('POST', '/login', { raw, headers: JSON_TYPE })), INVALID)
      assert.equal(Reflect.get({}, 'polluted'), undefined)
    }
  })
})

describe('RL-08 long bodies', () => {
  const ofLength = (length: number) => `{"x":"${'x'.repeat(length - 8)}"}`

  it('16 KiB are read, one byte more is not', async () => {
    const send = (length: number) => ada.send('POST', '/login', { raw: ofLength(length), headers: JSON_TYPE })
    assert.equal(outcome(await send(MAX_BODY_BYTES)), INVALID)
    assert.equal(outcome(await send(MAX_BODY_BYTES + 1)), TOO_LARGE)
  })

  for (const [method, path] of ROUTES) {
    it(`${method} ${path}: 10 MB → ${TOO_LARGE}`, async () => {
      const raw = ofLength(10_000_000)
      assert.equal(outcome(await ada.send(method, path, { raw, headers: JSON_TYPE })), TOO_LARGE)
      const declared = { ...JSON_TYPE, 'content-length': String(raw.length) }
      assert.equal(outcome(await ada.send(method, path, { raw, headers: declared })), TOO_LARGE)
    })
  }

  it('stops reading a stream of unknown length at the limit', async () => {
    let pulled = 0
    const raw = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1024
        controller.enqueue(new Uint8Array(1024).fill(0x20))
        if (pulled === 10 * 1024 * 1024) controller.close()
      },
    })
    const request = new Request(`${server.latchkey.issuer}/login`, {
      method: 'POST',
      body: raw,
      duplex: 'half',
      headers: JSON_TYPE,
    })
    const { status } = await server.latchkey.fetch(request)
    assert.equal(status, 413)
    assert.ok(pulled <= MAX_BODY_BYTES + 4096, `${pulled} bytes`)
  })
})
