import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeJsonObject, encodeJson, isCanonicalBase64url, parseJsonStrictly, splitCompact } from './compact.ts'

const seed = 7515
/** Any UTF-16 code unit but the backslash: with names that begin with one, JSON.parse errs (nodejs/node#63785). */
const codeUnits = fc
  .nat(0xffff)
  .map((code) => String.fromCharCode(code))
  .filter((unit) => unit !== '\\')

const URL_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function base64url(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64url')
}

/** The independent reading: Buffer decodes leniently, so only the canonical spelling comes back unchanged. */
function isSpelledAsBufferSpellsIt(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text
}

describe('splitCompact', () => {
  const HEADER = base64url('{"alg":"ES256"}') // 20 characters: no spare bits
  const PAYLOAD = base64url('{"sub":"u1"}}') // 13 bytes: four spare bits
  const SIGNATURE = base64url(new Uint8Array(32).fill(7)) // 43 characters: two spare bits
  const TOKEN = `${HEADER}.${PAYLOAD}.${SIGNATURE}`

  it('hands over the three segments as sent, and what the signature covers', () => {
    assert.deepEqual(splitCompact(TOKEN, 1000), {
      header: HEADER,
      payload: PAYLOAD,
      signature: SIGNATURE,
      signingInput: `${HEADER}.${PAYLOAD}`,
    })
  })

  const notThreeSegments: Record<string, string> = {
    'nothing at all': '',
    'a single segment': HEADER,
    'two segments': `${HEADER}.${PAYLOAD}`,
    'four segments': `${TOKEN}.${SIGNATURE}`,
    'five segments, as in a JWE (JW-07)': `${TOKEN}.${PAYLOAD}.${SIGNATURE}`,
    'six segments': `${TOKEN}.${TOKEN}`,
    'only dots': '..',
    'a leading dot': `.${TOKEN}`,
    'a trailing dot': `${TOKEN}.`,
    'an empty header': `.${PAYLOAD}.${SIGNATURE}`,
    'an empty payload, as in a detached JWS': `${HEADER}..${SIGNATURE}`,
    'an empty signature (JW-01)': `${HEADER}.${PAYLOAD}.`,
    'two tokens joined by a comma': `${TOKEN},${TOKEN}`,
    'two tokens joined by a space': `${TOKEN} ${TOKEN}`,
    'the flattened JSON form': JSON.stringify({ protected: HEADER, payload: PAYLOAD, signature: SIGNATURE }),
    'the general JSON form': JSON.stringify({
      payload: PAYLOAD,
      signatures: [{ protected: HEADER, signature: SIGNATURE }],
    }),
    'the Bearer scheme still before it': `Bearer ${TOKEN}`,
    'dots of another script': TOKEN.replaceAll('.', '。'),
    'percent-encoded dots': TOKEN.replaceAll('.', '%2E'),
  }
  for (const [what, token] of Object.entries(notThreeSegments)) {
    it(`JW-06 refuses ${what}`, () => assert.equal(splitCompact(token, 10_000), null))
  }

  const respellings: Record<string, (segment: string) => string> = {
    'padding at the end': (segment) => `${segment}=`,
    'the padding that base64 would have': (segment) => `${segment}${'='.repeat((4 - (segment.length % 4)) % 4 || 4)}`,
    'a space before it': (segment) => ` ${segment}`,
    'a space inside': (segment) => insert(segment, ' '),
    'a space after it': (segment) => `${segment} `,
    'a tab inside': (segment) => insert(segment, '\t'),
    'a newline before it': (segment) => `\n${segment}`,
    'a newline after it': (segment) => `${segment}\n`,
    'a CRLF inside': (segment) => insert(segment, '\r\n'),
    'a NUL after it': (segment) => `${segment}\0`,
    'a byte order mark before it': (segment) => `\ufeff${segment}`,
    'a zero-width space inside': (segment) => insert(segment, '\u200b'),
    'a "?" inside': (segment) => insert(segment, '?'),
    'a "%" inside': (segment) => insert(segment, '%'),
    'a percent-encoded character': (segment) => `%${segment.charCodeAt(0).toString(16)}${segment.slice(1)}`,
    'the "+" of standard base64': (segment) => `+${segment.slice(1)}`,
    'the "/" of standard base64': (segment) => `/${segment.slice(1)}`,
    'a letter outside ASCII that upper-cases to K': (segment) => `\u212a${segment.slice(1)}`,
    'a full-width letter': (segment) => `\uff21${segment.slice(1)}`,
    'a lone surrogate': (segment) => insert(segment, '\ud800'),
    'a length that no number of bytes has': (segment) => `${segment}${'A'.repeat((5 - (segment.length % 4)) % 4 || 4)}`,
  }
  for (const [what, respell] of Object.entries(respellings)) {
    it(`JW-06 refuses, in each of the segments, ${what}`, () => {
      assert.equal(splitCompact(`${respell(HEADER)}.${PAYLOAD}.${SIGNATURE}`, 1000), null, 'header')
      assert.equal(splitCompact(`${HEADER}.${respell(PAYLOAD)}.${SIGNATURE}`, 1000), null, 'payload')
      assert.equal(splitCompact(`${HEADER}.${PAYLOAD}.${respell(SIGNATURE)}`, 1000), null, 'signature')
    })
  }

  it('JW-06 refuses every setting of the spare bits but zero, in each of the segments', () => {
    for (const [bytes, spareBits] of [
      [13, 4],
      [32, 2],
    ] as const) {
      const canonical = base64url(new Uint8Array(bytes).fill(255))
      const last = URL_ALPHABET.indexOf(canonical.slice(-1))
      for (let spare = 0; spare < 2 ** spareBits; spare++) {
        const segment = canonical.slice(0, -1) + URL_ALPHABET.charAt(last + spare)
        assert.deepEqual(Buffer.from(segment, 'base64url'), Buffer.from(canonical, 'base64url'), 'the same bytes')
        for (const token of [`${segment}.e30.e30`, `e30.${segment}.e30`, `e30.e30.${segment}`]) {
          assert.equal(splitCompact(token, 1000) !== null, spare === 0, token)
        }
      }
    }
  })

  it('accepts the longest length allowed, and refuses one character more before it looks at any (JW-16)', () => {
    assert.notEqual(splitCompact(TOKEN, TOKEN.length), null)
    assert.equal(splitCompact(TOKEN, TOKEN.length - 1), null)
    assert.equal(splitCompact('.'.repeat(64 * 1024), 8192), null)
    assert.equal(splitCompact(`${HEADER}.${'A'.repeat(64 * 1024)}.${SIGNATURE}`, 8192), null)
  })

  it('JW-06 accepts exactly the strings that are three unique spellings of bytes', () => {
    const segment = fc.oneof(
      { weight: 6, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 12 }).map(base64url) },
      { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom(...URL_ALPHABET), maxLength: 9 }) },
      { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...URL_ALPHABET, '=', '+', '/', ' ', '\n', '.') }) },
      { weight: 1, arbitrary: fc.string({ unit: codeUnits, maxLength: 6 }) },
    )
    const nearlyTokens = fc.oneof(
      { weight: 8, arbitrary: fc.tuple(segment, segment, segment) },
      { weight: 1, arbitrary: fc.array(segment, { maxLength: 6 }) },
    )
    let accepted = 0
    fc.assert(
      fc.property(nearlyTokens, (segments) => {
        const token = segments.join('.')
        const parts = splitCompact(token, 1000)
        const sent = token.split('.')
        assert.equal(parts !== null, sent.length === 3 && sent.every(isSpelledAsBufferSpellsIt))
        if (parts === null) return
        accepted++
        assert.equal(`${parts.header}.${parts.payload}.${parts.signature}`, token)
        assert.equal(`${parts.signingInput}.${parts.signature}`, token)
      }),
      { seed, numRuns: 2000 },
    )
    assert.ok(accepted > 200, `too few of the strings were tokens to say anything: ${accepted}`)
  })

  function insert(segment: string, what: string): string {
    const middle = Math.floor(segment.length / 2)
    return segment.slice(0, middle) + what + segment.slice(middle)
  }
})

describe('isCanonicalBase64url', () => {
  it('JW-06 agrees with decoding and encoding again on every text of up to two ASCII characters', () => {
    const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
    for (const first of ascii) {
      assert.equal(isCanonicalBase64url(first), false)
      for (const second of ascii) {
        assert.equal(isCanonicalBase64url(first + second), isSpelledAsBufferSpellsIt(first + second), first + second)
      }
    }
  })

  it('JW-06 agrees with decoding and encoding again on every last character of three and of four', () => {
    for (let code = 0; code < 256; code++) {
      for (const start of ['AA', '-_', 'AAA', 'z9_']) {
        const text = start + String.fromCharCode(code)
        assert.equal(isCanonicalBase64url(text), isSpelledAsBufferSpellsIt(text), JSON.stringify(text))
      }
    }
  })

  it('accepts the encoding of any bytes but none', () => {
    assert.equal(isCanonicalBase64url(''), false)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => isCanonicalBase64url(base64url(bytes))),
      { seed },
    )
  })
})

describe('decodeJsonObject', () => {
  it('reads a JSON object in UTF-8', () => {
    assert.deepEqual(decodeJsonObject(base64url('{"name":"Zoë 🗝","list":[1,{"a":null}]}')), {
      name: 'Zoë 🗝',
      list: [1, { a: null }],
    })
    assert.deepEqual(decodeJsonObject(base64url(' {\n}\t')), {})
  })

  const refused: Record<string, string | number[]> = {
    'an array': '[]',
    'an array of objects': '[{"sub":"u1"}]',
    'a string': '"x"',
    'a number': '1',
    true: 'true',
    null: 'null',
    'no bytes': '',
    'white space': '  ',
    'two objects': '{}{}',
    'an object and something after it': '{"sub":"u1"}x',
    'an object cut short': '{"sub":"u1"',
    'a trailing comma': '{"sub":"u1",}',
    'a comment': '{/**/}',
    'single quotes': "{'sub':'u1'}",
    'a name without quotes': '{sub:"u1"}',
    NaN: '{"exp":NaN}',
    Infinity: '{"exp":Infinity}',
    'a raw newline in a string': '{"sub":"u\n1"}',
    'a byte order mark': '\ufeff{}',
    'a byte order mark at the end': '{}\ufeff',
    'UTF-16': [0x7b, 0x00, 0x7d, 0x00],
    'a lone continuation byte': [...Buffer.from('{"sub":"'), 0x80, ...Buffer.from('"}')],
    'a UTF-8 sequence cut short': [...Buffer.from('{"sub":"'), 0xc3, ...Buffer.from('"}')],
    'an overlong UTF-8 sequence': [...Buffer.from('{"sub":"'), 0xc0, 0xaf, ...Buffer.from('"}')],
    'a surrogate in UTF-8': [...Buffer.from('{"sub":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')],
    'a code point after the last': [...Buffer.from('{"sub":"'), 0xf4, 0x90, 0x80, 0x80, ...Buffer.from('"}')],
    'a member named twice': '{"sub":"u1","sub":"u2"}',
    'a member named twice further down': '{"cnf":[{"jkt":"a","jkt":"a"}]}',
    'a member named twice in two spellings': '{"sub":"u1","\\u0073ub":"u2"}',
  }
  for (const [what, content] of Object.entries(refused)) {
    it(`JW-09 refuses ${what}`, () => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : Uint8Array.from(content)
      assert.equal(decodeJsonObject(base64url(bytes)), null)
    })
  }

  it('answers null, and does not throw, for what is no base64 at all', () => {
    for (const segment of ['***', 'a', 'é', '\ud800', '{}', '%7B%7D']) assert.equal(decodeJsonObject(segment), null)
  })

  it('takes a member called __proto__ for what it is: one more member, nobody’s prototype', () => {
    const decoded = decodeJsonObject(base64url('{"__proto__":{"sub":"admin"},"constructor":1}'))
    assert.ok(decoded)
    assert.deepEqual(Object.keys(decoded), ['__proto__', 'constructor'])
    assert.equal(Object.getPrototypeOf(decoded), Object.prototype)
    assert.equal(decoded.sub, undefined)
  })
})

describe('encodeJson', () => {
  const objects = fc.dictionary(fc.string({ unit: codeUnits }), fc.jsonValue({ stringUnit: codeUnits }))

  it('makes a canonical segment that reads back as the same object, whatever its strings hold', () => {
    fc.assert(
      fc.property(objects, (object) => {
        const segment = encodeJson(object)
        assert.ok(isCanonicalBase64url(segment))
        assert.deepEqual(decodeJsonObject(segment), JSON.parse(JSON.stringify(object)))
      }),
      { seed, numRuns: 300 },
    )
  })

  it('makes what any other reader of base64url and JSON understands, in ASCII', () => {
    fc.assert(
      fc.property(objects, (object) => {
        const text = Buffer.from(encodeJson(object), 'base64url').toString('latin1')
        assert.match(text, /^[\0-\x7f]+$/)
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(object)))
      }),
      { seed, numRuns: 300 },
    )
  })
})

describe('parseJsonStrictly', () => {
  it('JW-09 agrees with JSON.parse on JSON that names no member twice', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: codeUnits }), fc.constantFrom(0, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        assert.deepEqual(parseJsonStrictly(text), JSON.parse(text))
      }),
      { seed, numRuns: 500 },
    )
  })

  it('refuses what JSON.parse refuses, in the same way', () => {
    for (const text of [
      '',
      ' ',
      '{',
      '{"a"}',
      '{"a":}',
      "{'a':1}",
      '[1,]',
      '"\\x"',
      '"\\',
      '01',
      '\ufeff1',
      '{"a":1}}',
    ]) {
      assert.throws(() => JSON.parse(text), SyntaxError, text)
      assert.throws(() => parseJsonStrictly(text), SyntaxError, text)
    }
  })

  const twice: Record<string, string> = {
    'with the same value': '{"a":1,"a":1}',
    'with another value': '{"a":1,"a":2}',
    'with others between': '{"a":1,"b":2,"c":3,"a":4}',
    'with white space before the colon': '{"a" :1,"a"\n:2}',
    'once plainly and once with an escape': String.raw`{"a":1,"\u0061":2}`,
    'with escapes in upper and in lower case': String.raw`{"\u004B":1,"\u004b":2}`,
    'in an inner object': '{"a":{"b":1,"b":2}}',
    'in an object in an array': '[[{"b":1,"b":2}]]',
    'where the first value has as many members as are lost': '{"a":{"b":1,"c":2},"a":3}',
    'where the last value has as many members as are lost': '{"a":3,"a":{"b":1,"c":2}}',
    'as the empty name': '{"":1,"":2}',
    'as __proto__': '{"__proto__":{},"__proto__":{}}',
    'as __proto__ in two spellings': String.raw`{"__proto__":1,"\u005f_proto__":2}`,
    'as a name that an object has anyway': '{"constructor":1,"constructor":2}',
    'as a number, which objects keep in another order': '{"1":1,"0":0,"1":2}',
    'as a name with a quote': String.raw`{"\"":1,"\"":2}`,
    'as a name with a quote in two spellings': String.raw`{"\"":1,"\u0022":2}`,
    'as a name that ends in a backslash': String.raw`{"\\":1,"\\":2}`,
    'as a name that holds a colon': '{"a:b":1,"a:b":2}',
    'as a name outside the basic plane, once as its surrogates': String.raw`{"🗝":1,"\ud83d\udddd":2}`,
  }
  for (const [how, text] of Object.entries(twice)) {
    it(`JW-09 refuses a member named twice ${how}`, () => {
      assert.doesNotThrow(() => JSON.parse(text))
      assert.throws(() => parseJsonStrictly(text), SyntaxError)
    })
  }

  const once: Record<string, readonly [text: string, value: unknown]> = {
    'the same name in different objects': ['{"a":{"a":[{"a":1},{"a":1}]}}', { a: { a: [{ a: 1 }, { a: 1 }] } }],
    'names that differ in case': ['{"a":1,"A":2}', { a: 1, A: 2 }],
    'names that look alike in two normal forms': [String.raw`{"\u00e9":1,"e\u0301":2}`, { '\u00e9': 1, 'e\u0301': 2 }],
    'names with escapes they do not need': [String.raw`{"\u0061\/\u003a" :1}`, { 'a/:': 1 }],
    'colons in names and strings': ['{"a:b":"b:c","::":":"}', { 'a:b': 'b:c', '::': ':' }],
    'what looks like a member, in a string': [String.raw`{"a":"\"a\":1,\"a\":2"}`, { a: '"a":1,"a":2' }],
    'strings that end in backslashes': [String.raw`{"a":"\\","b":"\\\\","c":"\\\""}`, { a: '\\', b: '\\\\', c: '\\"' }],
    'escaped quotes around a colon': [String.raw`{"a":"\":\"","b":"\\\":"}`, { a: '":"', b: '\\":' }],
    'braces and brackets in strings': [String.raw`{"a":"}{][","b":"{\"c\":1}"}`, { a: '}{][', b: '{"c":1}' }],
    'all the short escapes': [String.raw`["\b\f\n\r\t\/\\\"",":"]`, ['\b\f\n\r\t/\\"', ':']],
    'separators that JavaScript once took for newlines': ['{"\u2028":"\u2029:"}', { '\u2028': '\u2029:' }],
    '__proto__, named once': ['{"__proto__":{"a":1},"a":1}', { ['__proto__']: { a: 1 }, a: 1 }],
    'a string and nothing else': [String.raw`":\":"`, ':":'],
  }
  for (const [what, [text, value]] of Object.entries(once)) {
    it(`accepts ${what}`, () => assert.deepEqual(parseJsonStrictly(text), value))
  }

  it('JW-09 refuses an object at any depth that names a member twice, and no other', () => {
    let refused = 0
    let accepted = 0
    fc.assert(
      fc.property(nodes, fc.infiniteStream(fc.nat(5)), (node, choices) => {
        const text = spell(node, () => choices.next().value ?? 0)
        if (namesAMemberTwice(node)) {
          refused++
          assert.throws(() => parseJsonStrictly(text), SyntaxError, text)
        } else {
          accepted++
          const value = parseJsonStrictly(text)
          if (!hasANameThatNeedsEscapes(node)) assert.deepEqual(value, meaningOf(node), text)
        }
      }),
      { seed, numRuns: 1000 },
    )
    assert.ok(refused > 200 && accepted > 200, `one side is hardly tested: ${refused} refused, ${accepted} accepted`)
  })

  // https://github.com/nodejs/node/issues/63785: JSON.parse itself, in Node 24 and 26, goes by what it parsed before.
  it('JW-09 reads an escaped name as what it is, whatever was parsed before', () => {
    for (const earlier of [
      String.raw`{"sub":1,"\\":2}`,
      String.raw`{"sub":1,"\\u0":2}`,
      String.raw`{"sub":1,"\\u":2}`,
    ]) {
      JSON.parse(earlier)
      assert.deepEqual(parseJsonStrictly(String.raw`{"sub":1,"\u0061":2}`), { sub: 1, a: 2 })
      assert.deepEqual(parseJsonStrictly(String.raw`{"sub":1,"\u00e9a":2}`), { sub: 1, éa: 2 })
      assert.throws(() => parseJsonStrictly(String.raw`{"sub":1,"\u0073ub":2}`), SyntaxError)
    }
  })

  const DEPTH = 100_000

  it('reads 100,000 levels of nesting and does not run out of stack', () => {
    for (const [open, inner, close] of [
      ['[', '', ']'],
      ['{"a":', '1', '}'],
    ] as const) {
      let value = parseJsonStrictly(open.repeat(DEPTH) + inner + close.repeat(DEPTH))
      let depth = 0
      while (typeof value === 'object' && value !== null) {
        value = Object.values(value).at(-1)
        depth++
      }
      assert.ok(depth >= DEPTH, `${depth}`)
    }
  })

  it('JW-09 refuses a member named twice below 100,000 levels of nesting', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const text = `${open.repeat(DEPTH)}{"b":1,"b":2}${close.repeat(DEPTH)}`
      assert.throws(() => parseJsonStrictly(text), SyntaxError)
    }
  })

  it('reads a string of many million characters', () => {
    assert.deepEqual(parseJsonStrictly(`["${'x'.repeat(10_000_000)}"]`), ['x'.repeat(10_000_000)])
  })

  it('takes no longer to refuse than to read: 64 KB of what looks like the start of strings', () => {
    for (const piece of ['"', '\\"', '"a ', '"\\', '{"', '{', '"a"    ']) {
      const started = process.cpuUsage()
      assert.throws(() => parseJsonStrictly(piece.repeat(65_536 / piece.length)), SyntaxError)
      const took = process.cpuUsage(started).user / 1000
      assert.ok(took < 500, `${JSON.stringify(piece)} took seconds when this was quadratic`)
    }
  })
})

/** JSON as it is written, so that an object can name a member twice. */
type Node =
  | { readonly leaf: string | number | boolean | null }
  | { readonly list: Node[] }
  | { readonly members: Member[] }
type Member = readonly [name: string, value: Node]

/** Few, so that they meet. */
const names = fc.constantFrom('a', 'b', '', '"', '\\', ':', '__proto__', '0', 'é', '🗝', '\ud800')

const awkwardStrings = fc.oneof(
  fc.constantFrom('a', 'b', '', '"', '\\', ':', '\\"', '":', '{"a":1}', '__proto__', '0', 'é', '🗝', '\n', '\ud800'),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', ':', '{', '}', ',', '/'), maxLength: 3 }),
)

const nodes: fc.Arbitrary<Node> = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ leaf: fc.oneof(awkwardStrings, fc.integer(), fc.constantFrom(true, false, null)) }),
    fc.record({ list: fc.array(tie('node'), { maxLength: 3 }) }),
    fc.record({ members: fc.array(fc.tuple(names, tie('node')), { maxLength: 5 }) }),
  ),
})).node

function meaningOf(node: Node): unknown {
  if ('leaf' in node) return node.leaf
  if ('list' in node) return node.list.map(meaningOf)
  return Object.fromEntries(node.members.map(([name, value]) => [name, meaningOf(value)]))
}

/** For these names `JSON.parse` is not to be trusted, and nothing can be done about it here (nodejs/node#63785). */
function hasANameThatNeedsEscapes(node: Node): boolean {
  if ('leaf' in node) return false
  if ('list' in node) return node.list.some(hasANameThatNeedsEscapes)
  return node.members.some(([name, value]) => JSON.stringify(name).includes('\\') || hasANameThatNeedsEscapes(value))
}

function namesAMemberTwice(node: Node): boolean {
  if ('leaf' in node) return false
  if ('list' in node) return node.list.some(namesAMemberTwice)
  const names = new Set(node.members.map(([name]) => name))
  return names.size < node.members.length || node.members.some(([, value]) => namesAMemberTwice(value))
}

/** Writes a node as JSON; each choice picks one of the ways to write the next thing. */
function spell(node: Node, choose: () => number): string {
  const gap = () => ['', '', '', ' ', '\n', '\t\r'][choose()] ?? ''
  const quote = (text: string) =>
    `"${Array.from({ length: text.length }, (_, at) => spellUnit(text.charAt(at), choose())).join('')}"`
  if ('leaf' in node) return gap() + (typeof node.leaf === 'string' ? quote(node.leaf) : String(node.leaf)) + gap()
  if ('list' in node) return `[${node.list.map((item) => spell(item, choose)).join(',') || gap()}]`
  const members = node.members.map(([name, value]) => `${gap()}${quote(name)}${gap()}:${spell(value, choose)}`)
  return `{${members.join(',') || gap()}}`
}

function spellUnit(unit: string, choice: number): string {
  const hex = unit.charCodeAt(0).toString(16).padStart(4, '0')
  if (choice === 0) return `\\u${hex}`
  if (choice === 1) return `\\u${hex.toUpperCase()}`
  return JSON.stringify(unit).slice(1, -1)
}
