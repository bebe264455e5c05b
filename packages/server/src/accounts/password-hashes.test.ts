import assert from 'node:assert/strict'
import { argon2Sync, pbkdf2Sync, scryptSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { hash as hashArgon2 } from '@node-rs/argon2'
import { hash as hashBcrypt } from '@node-rs/bcrypt'
import { hashPassword, isKnownHash, isOutdated, verifyPassword } from './password-hashes.ts'

const PASSWORD = 'correct horse battery staple'
const SALT = Buffer.from('sixteen bytes ok')

/** test.c of github.com/P-H-C/phc-winner-argon2 */
const ARGON2_REFERENCE = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
/** RFC 7914 §12 */
const SCRYPT_RFC_2 = Buffer.from(
  'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  'hex',
)
const SCRYPT_RFC_3 = Buffer.from(
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
  'hex',
)
/** passlib's own tests, test_handlers_pbkdf2.py */
const PASSLIB_SHA256 = '$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ'
const PASSLIB_SHA512 =
  '$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww'

describe('a hash that others made', () => {
  /** What it is, the password, the hash: from publications, from libxcrypt, or from node:crypto, never from us. */
  const vectors: readonly (readonly [string, string, string])[] = [
    ['argon2id of phc-winner-argon2', 'password', ARGON2_REFERENCE],
    ...(['argon2id', 'argon2i', 'argon2d'] as const).map(
      (algorithm) => [`${algorithm} of OpenSSL`, PASSWORD, argon2(algorithm)] as const,
    ),
    ['argon2id with four lanes', PASSWORD, argon2('argon2id', { lanes: 4 })],
    ['argon2id with a digest of 64 bytes', PASSWORD, argon2('argon2id', { length: 64 })],
    ['bcrypt $2a$ of jBCrypt', 'abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
    ['bcrypt $2a$ of jBCrypt, empty', '', '$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'],
    ...['2a', '2b', '2x', '2y'].map((prefix) => [`bcrypt $${prefix}$ of libxcrypt`, PASSWORD, bcrypt(prefix)] as const),
    ['bcrypt $2b$ of libxcrypt, UTF-8', 'Zoë café', '$2b$04$abcdefghijklmnopqrstuuB6C1eor/yRwqQx0oV6RXwXKp83rKq26'],
    ['scrypt of RFC 7914, 16 lanes', 'password', scryptPhc(10, 8, 16, 'NaCl', SCRYPT_RFC_2)],
    ['scrypt of RFC 7914, 16 MiB', 'pleaseletmein', scryptPhc(14, 8, 1, 'SodiumChloride', SCRYPT_RFC_3)],
    ['scrypt of OpenSSL', PASSWORD, scryptPhc(12, 8, 2, SALT, scryptSync(PASSWORD, SALT, 32, { N: 4096, p: 2 }))],
    [
      'scrypt with the least memory',
      PASSWORD,
      scryptPhc(1, 8, 16, SALT, scryptSync(PASSWORD, SALT, 32, { N: 2, p: 16 })),
    ],
    ['PBKDF2-SHA256 of passlib', 'password', PASSLIB_SHA256],
    ['PBKDF2-SHA256 in PHC form', PASSWORD, pbkdf2Phc('sha256', 'i=1000')],
    ['PBKDF2-SHA512 in PHC form, with its length', PASSWORD, pbkdf2Phc('sha512', 'i=1000,l=32')],
    ['PBKDF2-SHA512 of passlib', 'password', PASSLIB_SHA512],
  ]
  for (const [what, password, stored] of vectors) {
    it(`PW-08 is known and checked: ${what}`, async () => {
      assert.equal(isKnownHash(stored), true)
      assert.equal(await verifyPassword(stored, password), true)
      for (const wrong of [
        `${password}.`,
        ` ${password}`,
        password.toUpperCase() || 'x',
        `${password.slice(0, -1)}\u{1f511}`,
      ]) {
        assert.equal(await verifyPassword(stored, wrong), false, JSON.stringify(wrong))
      }
    })
  }

  it('by bcrypt counts for its first 72 bytes, as it was made: no more is in it', async () => {
    const stored = await hashBcrypt('a'.repeat(80), { cost: 4 })
    assert.equal(await verifyPassword(stored, 'a'.repeat(80)), true)
    assert.equal(await verifyPassword(stored, 'a'.repeat(72)), true)
    assert.equal(await verifyPassword(stored, 'a'.repeat(71)), false)
  })

  it('is the password’s in every letter of its salt and its digest', async () => {
    for (const stored of [
      argon2('argon2id'),
      bcrypt('2b'),
      scryptPhc(4, 8, 1, SALT, scryptSync(PASSWORD, SALT, 32, { N: 16 })),
      pbkdf2Phc('sha256', 'i=10'),
    ]) {
      assert.equal(await verifyPassword(stored, PASSWORD), true)
      for (const at of [stored.lastIndexOf('$') - 5, stored.lastIndexOf('$') + 8, stored.length - 3]) {
        const changed = stored.slice(0, at) + (stored[at] === 'A' ? 'B' : 'A') + stored.slice(at + 1)
        assert.equal(await verifyPassword(changed, PASSWORD), false, changed)
      }
    }
  })
})

describe('a text that is no hash, or one that nobody should compute', () => {
  const [salt, digest] = ['c2l4dGVlbiBieXRlcyBvaw', 'A'.repeat(43)]
  const texts: Record<string, readonly string[]> = {
    'is empty or plain': [
      '',
      ' ',
      PASSWORD,
      '$',
      '$$$$$',
      '!',
      '*',
      'null',
      '$2b$'.repeat(5000),
      'a'.repeat(1_000_000),
    ],
    'is of a scheme that is too weak': [
      '5f4dcc3b5aa765d61d8327deb882cf99',
      'sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8',
      '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/',
      `$6$saltsalt$${'a'.repeat(86)}`,
      `$pbkdf2$1000$${salt}$${digest}`,
      `$pbkdf2-md5$i=1000$${salt}$${digest}`,
    ],
    'is followed or preceded by more': [
      `${bcrypt('2b')}\n`,
      ` ${bcrypt('2b')}`,
      `${bcrypt('2b')}A`,
      `x${argon2('argon2id')}`,
      `${argon2('argon2id')}\n`,
    ],
    'is argon2 that costs too much': [
      ['m=524289', 't=1'],
      ['m=9999999', 't=1'],
      ['m=4294967295', 't=1'],
      ['m=524288', 't=4'],
      ['m=19456', 't=999'],
      ['m=64', 't=4294967295'],
    ].map((costs) => `$argon2id$v=19$${costs.join()},p=1$${salt}$${digest}`),
    'is argon2 that cannot be': [
      ...[
        'm=0,t=1,p=1',
        'm=8,t=1,p=2',
        'm=64,t=0,p=1',
        'm=64,t=1,p=0',
        'm=064,t=1,p=1',
        'm=-1,t=1,p=1',
        'm=1e3,t=1,p=1',
      ],
      ...['t=1,m=64,p=1', 'm=64,t=1', 'm=64,t=1,p=1,keyid=AAAA'],
    ].map((costs) => `$argon2id$v=19$${costs}$${salt}$${digest}`),
    'is argon2 with a version, a salt or a digest that cannot be': [
      `$argon2id$v=18$m=64,t=1,p=1$${salt}$${digest}`,
      `$argon2id$v=999$m=64,t=1,p=1$${salt}$${digest}`,
      ...['', 'AAAA', 'A'.repeat(13), 'A'.repeat(21).concat('B'), 'A'.repeat(200), '_'.repeat(22)].map(
        (other) => `$argon2id$v=19$m=64,t=1,p=1$${other}$${digest}`,
      ),
      ...['', 'AAAA', 'A'.repeat(17), 'A'.repeat(42).concat('B'), 'A'.repeat(400), '_'.repeat(43)].map(
        (other) => `$argon2id$v=19$m=64,t=1,p=1$${salt}$${other}`,
      ),
    ],
    'is bcrypt that costs too much, or cannot be': ['00', '03', '16', '17', '31', '99', '4', '+4'].map((cost) =>
      bcrypt('2b').replace('$04$', `$${cost}$`),
    ),
    'is bcrypt with stray bits or letters': [
      bcrypt('2b').replace('uu7E', 'uv7E'),
      bcrypt('2b').replace(/.$/, 'H'),
      bcrypt('2b').replace('abc', 'ab_'),
      bcrypt('2'),
      bcrypt('2z'),
    ],
    'is scrypt that costs too much, or cannot be': [
      ...['ln=20,r=8,p=1', 'ln=19,r=8,p=2', 'ln=18,r=32,p=1', 'ln=17,r=8,p=5', 'ln=31,r=1,p=1', 'ln=99,r=8,p=1'],
      ...['ln=0,r=8,p=1', 'ln=14,r=0,p=1', 'ln=14,r=8,p=0', 'ln=16,r=1,p=1', 'ln=14,r=99,p=99', 'ln=1,r=99999,p=99999'],
    ].map((costs) => `$scrypt$${costs}$${salt}$${digest}`),
    'is PBKDF2 that costs too much, or cannot be': [
      'i=3000000',
      '9999999',
      'i=4294967296',
      'i=0',
      '0',
      'i=-1',
      'i=',
    ].map((cost) => `$pbkdf2-sha256$${cost}$${salt}$${digest}`),
    'has a digest that many blocks make, or one that anybody matches': [
      'A'.repeat(87),
      'A'.repeat(100_000),
      '',
      'A',
      'AAAA',
    ].flatMap((other) => [`$pbkdf2-sha256$i=2999999$${salt}$${other}`, `$scrypt$ln=14,r=8,p=1$${salt}$${other}`]),
  }
  for (const [what, stored] of Object.entries(texts)) {
    it(`RL-08 is not known, never matches, and costs nothing: ${what}`, async () => {
      const begun = process.cpuUsage()
      for (const text of stored) {
        assert.equal(isKnownHash(text), false, text.slice(0, 80))
        assert.equal(await verifyPassword(text, PASSWORD), false)
        assert.equal(await verifyPassword(text, ''), false)
      }
      // One that was computed would take a second.
      assert.ok(process.cpuUsage(begun).user < 500_000)
    })
  }

  it('is told from the dearest that is still computed', () => {
    for (const stored of [
      `$argon2id$v=19$m=524288,t=3,p=1$${salt}$${digest}`,
      `$argon2id$v=19$m=65536,t=24,p=8$${salt}$${digest}`,
      bcrypt('2b').replace('$04$', '$15$'),
      `$scrypt$ln=19,r=8,p=1$${salt}$${digest}`,
      `$scrypt$ln=17,r=8,p=4$${salt}$${digest}`,
      `$scrypt$ln=15,r=1,p=16$${salt}$${digest}`,
      `$pbkdf2-sha512$i=2999999$${salt}$${digest}`,
    ]) {
      assert.equal(isKnownHash(stored), true, stored)
    }
  })
})

describe('our own hash', () => {
  it('PW-05 PW-08 counts every byte of the password, beyond bcrypt’s 72 and beyond a NUL', async () => {
    const password = `${'a'.repeat(72)}\0${'b'.repeat(7)}`
    const stored = await hashPassword(password)
    assert.equal(await verifyPassword(stored, password), true)
    for (const wrong of [
      password.slice(0, 72),
      password.slice(0, 73),
      password.slice(0, -1),
      `${password.slice(0, -1)}c`,
      password.toUpperCase(),
      `${password}\0`,
    ]) {
      assert.equal(await verifyPassword(stored, wrong), false, JSON.stringify(wrong))
    }
  })

  it('PW-08 is known, is not outdated, and differs for one password set twice', async () => {
    const [first, second] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)]
    assert.notEqual(first, second)
    for (const stored of [first, second]) assert.deepEqual([isKnownHash(stored), isOutdated(stored)], [true, false])
  })

  const strengths: readonly (readonly [string, boolean])[] = [
    ['$argon2id$v=19$m=19456,t=2,p=1$', false],
    ['$argon2id$v=19$m=65536,t=3,p=4$', false],
    ['$argon2id$v=19$m=19455,t=2,p=1$', true],
    ['$argon2id$v=19$m=19456,t=1,p=1$', true],
    ['$argon2id$v=16$m=19456,t=2,p=1$', true],
    ['$argon2i$v=19$m=65536,t=3,p=1$', true],
    ['$argon2d$v=19$m=65536,t=3,p=1$', true],
    ['$scrypt$ln=17,r=8,p=1$', true],
    ['$pbkdf2-sha512$i=600000$', true],
    ['$2b$12$', true],
    ['', true],
  ]
  for (const [start, outdated] of strengths) {
    it(`PW-08 ${outdated ? 'outdates' : 'does not outdate'} ${start || 'nothing at all'}`, async () => {
      assert.equal(isOutdated(`${start}c2l4dGVlbiBieXRlcyBvaw$${'A'.repeat(43)}`), outdated)
    })
  }

  it('PW-08 outdates a real one of lower cost, and not one of higher', async () => {
    const [weak, strong] = await Promise.all(
      [{ memoryCost: 8192 }, { memoryCost: 32_768, timeCost: 3 }].map((costs) => hashArgon2(PASSWORD, costs)),
    )
    assert.deepEqual([isOutdated(weak ?? ''), isOutdated(strong ?? '')], [true, false])
  })
})

function argon2(algorithm: 'argon2id' | 'argon2i' | 'argon2d', { lanes = 1, length = 32 } = {}): string {
  const costs = { parallelism: lanes, memory: 64, passes: 3 }
  const digest = argon2Sync(algorithm, { message: PASSWORD, nonce: SALT, tagLength: length, ...costs })
  return `$${algorithm}$v=19$m=64,t=3,p=${lanes}$${base64(SALT)}$${base64(digest)}`
}

/** Of `PASSWORD`, by libxcrypt 4.4. */
function bcrypt(prefix: string): string {
  return `$${prefix}$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG`
}

function scryptPhc(ln: number, r: number, p: number, salt: string | Buffer, digest: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(Buffer.from(salt))}$${base64(digest)}`
}

function pbkdf2Phc(algorithm: string, costs: string): string {
  const digest = pbkdf2Sync(PASSWORD, SALT, Number(/\d+/.exec(costs)), 32, algorithm)
  return `$pbkdf2-${algorithm}$${costs}$${base64(SALT)}$${base64(digest)}`
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
