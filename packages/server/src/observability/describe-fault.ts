import { LatchkeyError } from '@latchkey/protocol/errors'

/** What may be said of a fault. */
export interface FaultDescription {
  readonly name: string
  readonly code?: string
  readonly message?: string
  readonly at?: readonly string[]
  readonly cause?: FaultDescription
}

const MAX_CAUSES = 4
const MAX_FRAMES = 12
const MAX_MESSAGE_LENGTH = 300

/**
 * A fault for the log. Drivers put what they were given into their errors: SQL parameters as properties, values in
 * messages. So only name, code, message and stack are taken, of causes too, and from messages goes what may be a value:
 * long quoted text, lists of parameters, and long runs without a space, as tokens and hashes are.
 */
export function describeFault(fault: unknown, causes = MAX_CAUSES): FaultDescription {
  if (!(fault instanceof Error)) return { name: fault === null ? 'null' : typeof fault }
  try {
    const { message, stack, cause } = fault
    const code = 'code' in fault && typeof fault.code === 'string' ? masked(fault.code) : undefined
    return {
      name: masked(fault.name),
      ...(code !== undefined && { code }),
      message: fault instanceof LatchkeyError ? message : masked(message),
      at: framesOf(stack ?? '', message),
      ...(cause !== undefined && causes > 0 && { cause: describeFault(cause, causes - 1) }),
    }
  } catch {
    return { name: 'unreadable error' }
  }
}

/** The message stands before the frames, and may be made to look like one. */
function framesOf(stack: string, message: string): readonly string[] {
  const frames = stack.includes(message) ? stack.slice(stack.indexOf(message) + message.length) : ''
  return frames
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim())
}

function masked(text: string): string {
  return text
    .replace(/\b(param(?:eter)?s?|values?|args?|bindings?)\b\s*[:=(][\s\S]*/i, '$1 …')
    .replace(/(["'`])(?:(?!\1)[\s\S]){8,}\1/g, '$1…$1')
    .replace(/[\w+/=.$%~-]{24,}/g, '…')
    .slice(0, MAX_MESSAGE_LENGTH)
}
