/** What holds for every answer of every route, whatever was asked: checked on each one that the suite receives. */
import assert from 'node:assert/strict'
import { CATALOGUE, type ErrorCode, entryOf } from '@latchkey/protocol/errors'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Answer } from './client.ts'

const PROBLEM_MEMBERS: ReadonlySet<string> = new Set(['type', 'title', 'status', 'code', 'detail', 'errors'])

/** Documents that anybody may keep for a while. */
const CACHEABLE = /\/\.well-known\/|\/docs\/./

export interface ApiDocument {
  readonly openapi: string
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly requestBody?: { readonly required: boolean }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}

/** Checks answers against the rules for all of them, and against the OpenAPI document. */
export class AnswerCheck {
  readonly document: ApiDocument
  readonly #issuer: string
  readonly #schemas = new Ajv2020({ strict: false, validateFormats: false })

  constructor(issuer: string, document: ApiDocument) {
    this.document = document
    this.#issuer = issuer
    this.#schemas.addSchema(document, 'api')
  }

  check(method: string, path: string, answer: Answer): void {
    const { status, headers, text, setCookies } = answer
    if (method !== 'OPTIONS') this.#checkHeaders(path, answer)
    if (status >= 400 && method !== 'HEAD') this.#checkProblem(answer)
    if (status === 204 || method === 'HEAD') assert.equal(text, '')
    if (setCookies.length > 0) assert.equal(headers.get('cache-control'), 'no-store')
    const secure = this.#issuer.startsWith('https:')
    for (const cookie of setCookies) {
      const name = secure ? '__Host-latchkey(-access)?' : 'latchkey(-access)?'
      const attributes = `Max-Age=\\d+; Path=/; HttpOnly; ${secure ? 'Secure; ' : ''}SameSite=Strict`
      assert.match(cookie, new RegExp(`^${name}-[0-9a-f]{6}=[A-Za-z0-9._-]*; ${attributes}$`), 'CK-01 CK-02')
      assert.ok(cookie.length < 4096, 'CK-04')
      const value = /=([^;]+)/.exec(cookie)?.[1]
      if (value !== undefined) assert.ok(!text.includes(value), 'CK-03: what is in an HttpOnly cookie is nowhere else')
    }
    this.#checkDocumented(method.toLowerCase(), path, answer)
  }

  #checkHeaders(path: string, { status, headers, text }: Answer): void {
    const isCacheable = status === 200 && CACHEABLE.test(path)
    assert.match(headers.get('cache-control') ?? '', isCacheable ? /^public, max-age=\d+$/ : /^no-store$/, 'ER-02')
    assert.equal(headers.get('x-content-type-options'), 'nosniff', 'ER-05')
    for (const banner of ['x-powered-by', 'server']) assert.equal(headers.get(banner), null, 'ER-05')
    if (text !== '') assert.match(headers.get('content-type') ?? '', /; charset=utf-8$/, 'ER-05')
  }

  #checkProblem({ status, headers, body }: Answer): void {
    assert.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8', 'ER-03')
    const code = body.code
    assert.ok(isErrorCode(code), `ER-03: ${code} is in the catalogue`)
    const { title, challenge } = entryOf(code)
    assert.equal(status, entryOf(code).status)
    const { type, title: shown, status: repeated } = body
    assert.deepEqual(
      { type, title: shown, status: repeated },
      { type: `${this.#issuer}/errors/${code}`, title, status },
      'ER-03',
    )
    for (const member of Object.keys(body)) assert.ok(PROBLEM_MEMBERS.has(member), `ER-04: ${member}`)
    const challenged = headers.get('www-authenticate')
    if (challenge === undefined) assert.equal(challenged, null, 'ER-01')
    else if (challenge === null) assert.equal(challenged, 'Bearer', 'ER-01')
    else assert.ok(challenged?.startsWith(`Bearer error="${challenge}", error_description="${title}"`), 'ER-01')
    if (status === 429 || status === 503) assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/, 'RL-05')
    if (status === 405) assert.match(headers.get('allow') ?? '', /^[A-Z]+(, [A-Z]+)*$/, 'CK-09')
  }

  #checkDocumented(method: string, path: string, { status, body, text }: Answer): void {
    const template = this.templateOf(path)
    const operation = template === undefined ? undefined : this.document.paths[template]?.[method]
    if (template === undefined || operation === undefined) return
    const response = operation.responses[status]
    assert.ok(response, `${operation.operationId} documents ${status}`)
    const [type] = Object.keys(response.content ?? {})
    if (type === undefined) return
    const pointer = ['paths', template, method, 'responses', String(status), 'content', type, 'schema']
    const key = pointer.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')
    const validate = this.#schemas.getSchema(`api#/${encodeURI(key)}`)
    assert.ok(validate, `${operation.operationId} has a schema for ${status}`)
    assert.ok(validate(body), `${operation.operationId} ${status}: ${JSON.stringify(validate.errors)} in ${text}`)
  }

  /** The documented path that a requested one stands for. */
  templateOf(path: string): string | undefined {
    const [plain = ''] = path.split('?')
    return Object.keys(this.document.paths).find((template) =>
      new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(plain),
    )
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CATALOGUE, code)
}
