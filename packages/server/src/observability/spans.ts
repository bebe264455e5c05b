import { LatchkeyError } from '@latchkey/protocol/errors'
import { type Span, SpanStatusCode, trace } from '@opentelemetry/api'

/** Finds the provider that the application registers, also one it registers later; without any, spans are no-ops. */
const tracer = trace.getTracer('latchkey')

/**
 * Runs work inside a span. A refusal is named in `error.type` by its code; only faults of ours make the span an error.
 * Nothing that an error says goes into a span.
 */
export function inSpan<Result>(name: string, work: (span: Span) => Promise<Result>): Promise<Result> {
  return tracer.startActiveSpan(name, (span) => (span.isRecording() ? recorded(span, work) : work(span)))
}

async function recorded<Result>(span: Span, work: (span: Span) => Promise<Result>): Promise<Result> {
  try {
    return await work(span)
  } catch (error) {
    const isOurs = error instanceof LatchkeyError
    span.setAttribute('error.type', isOurs ? error.code : 'fault')
    if (!isOurs || error.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}
