import { isJsonObject, parseJsonStrictly } from '@latchkey/protocol/compact'
import { type FieldError, LatchkeyError } from '@latchkey/protocol/errors'
import type { z } from 'zod'

export const MAX_BODY_BYTES = 16 * 1024

/**
 * Reads and validates a JSON body. An absent body counts as `{}`.
 *
 * @throws LatchkeyError `body_too_large`, `content_type_unsupported`, `body_malformed`, `validation_failed`
 */
export async function readBody<Schema extends z.ZodType>(request: Request, schema: Schema): Promise<z.output<Schema>> {
  const bytes = await readBytes(request)
  return validate(bytes.byteLength === 0 ? {} : parseObject(request, bytes), schema)
}

/** @throws LatchkeyError `validation_failed`, naming each field that is wrong and never repeating what was sent */
export function validate<Schema extends z.ZodType>(value: unknown, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.slice(0, 20).map(
    ({ path, message }): FieldError => ({
      pointer: path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: message,
    }),
  )
  throw new LatchkeyError('validation_failed', { errors })
}

function parseObject(request: Request, bytes: Uint8Array): Record<string, unknown> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw new LatchkeyError('content_type_unsupported')
  }
  let value: unknown
  try {
    value = parseJsonStrictly(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw new LatchkeyError('body_malformed')
  }
  if (!isJsonObject(value)) throw new LatchkeyError('body_malformed')
  return value
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const declared = request.headers.get('content-length')
  if (declared === '0') return new Uint8Array()
  if (declared !== null && Number(declared) > MAX_BODY_BYTES) throw new LatchkeyError('body_too_large')
  // A declared length is what the server reads, no more; without one, count.
  return declared === null ? readCounting(request) : new Uint8Array(await readWhole(request))
}

async function readWhole(request: Request): Promise<ArrayBuffer> {
  try {
    return await request.arrayBuffer()
  } catch (cause) {
    throw new LatchkeyError('body_malformed', { cause })
  }
}

async function readCounting(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body?.getReader()
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new LatchkeyError('body_malformed', { cause })
    })
    if (done) break
    length += value.byteLength
    if (length > MAX_BODY_BYTES) {
      await reader.cancel()
      throw new LatchkeyError('body_too_large')
    }
    chunks.push(value)
  }
  return Buffer.concat(chunks)
}
