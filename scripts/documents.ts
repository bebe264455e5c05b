/** The reference documents as text, by their name below docs/. */
import { CATALOGUE, type ErrorCode, entryOf } from '../packages/protocol/src/errors.ts'
import { COMMANDS } from '../packages/server/src/cli/run.ts'
import { readSettings } from '../packages/server/src/config/read-settings.ts'
import { flagOf, SETTINGS, type Setting } from '../packages/server/src/config/settings.ts'
import { EVENT_TYPES, EVENTS } from '../packages/server/src/events.ts'
import { assemble } from '../packages/server/src/latchkey.ts'
import { createMetrics } from '../packages/server/src/observability/metrics.ts'
import { describeRequirements } from './requirements.ts'

const GENERATED = '<!-- Made from the code by `npm run docs`. Edit the code, not this file. -->\n\n'
const CODES = Object.keys(CATALOGUE).filter((code): code is ErrorCode => code in CATALOGUE)

/** What these documents read of the OpenAPI document. */
interface Operation {
  readonly summary: string
  readonly description?: string
  readonly security: readonly unknown[]
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}
type Content = Readonly<Record<string, { readonly schema: { readonly allOf?: readonly CodeSchema[] } }>>
interface CodeSchema {
  readonly properties?: { readonly code: { readonly enum: readonly ErrorCode[] } }
}

interface Endpoint {
  readonly method: string
  readonly path: string
  readonly operation: Operation
  readonly errors: readonly ErrorCode[]
}

export async function describeDocuments(): Promise<ReadonlyMap<string, string>> {
  const latchkey = await assemble(readSettings({ options: { store: 'sqlite::memory:' } }))
  const response = await latchkey.fetch(new Request(`${latchkey.issuer}/openapi.json`))
  const document: { readonly paths: Record<string, Record<string, Operation>> } = JSON.parse(await response.text())
  await latchkey.close()
  const endpoints = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
      errors: codesOf(operation),
    })),
  )
  return new Map([
    ['configuration.md', describeConfiguration()],
    ['errors.md', describeErrorIndex()],
    ...CODES.map((code): [string, string] => [`errors/${code}.md`, describeError(code, endpoints)]),
    ['api.md', describeEndpoints(endpoints)],
    ['events.md', describeEvents()],
    ['metrics.md', describeMetrics()],
    ['cli.md', describeCommands()],
    ['requirements.md', describeRequirements()],
    ['openapi.json', `${JSON.stringify(document, null, 2)}\n`],
  ])
}

function codesOf({ responses }: Operation): readonly ErrorCode[] {
  return Object.values(responses).flatMap(({ content = {} }) =>
    Object.values(content).flatMap(
      ({ schema }) => schema.allOf?.flatMap((part) => part.properties?.code.enum ?? []) ?? [],
    ),
  )
}

function describeConfiguration(): string {
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(([name, setting]) => {
    const fallback =
      setting.default === null ? setting.defaultMeaning : setting.default === '' ? 'none' : `\`${setting.default}\``
    const flag = setting.secret ? '' : `\`--${flagOf(name)}\``
    const option = setting.standalone ? '' : `\`${name}\``
    return `| \`${setting.env}\` | ${flag} | ${option} | ${setting.description} | ${setting.allowed} | ${fallback} |`
  })
  return `${GENERATED}# Configuration

A setting comes from a flag of \`latchkey serve\`, else from an option of \`createLatchkey\`, else from the environment, else
it has its default. Durations read \`500ms\`, \`10s\`, \`15m\`, \`12h\`, \`7d\`. A value that is not allowed stops the start with one
line that names the setting and says what is allowed. Settings without an option are the standalone server's only.
The secret has no flag, because a command line is there for every user of the machine to see.

| environment | flag | option | meaning | allowed | default |
|---|---|---|---|---|---|
${rows.join('\n')}

Three rules bind several: \`LATCHKEY_IDLE_TTL\` and \`LATCHKEY_ACCESS_TTL\` are at most \`LATCHKEY_ABSOLUTE_TTL\`, and
\`LATCHKEY_TURN_EVERY\` is at most half of \`LATCHKEY_IDLE_TTL\`.
`
}

function describeErrorIndex(): string {
  const rows = CODES.map(
    (code) => `| [\`${code}\`](errors/${code}.md) | ${entryOf(code).status} | ${entryOf(code).when} |`,
  )
  return `${GENERATED}# Errors

Every error is \`application/problem+json\` (RFC 9457). Decide by \`code\`: it never changes its meaning. A 401 carries a
\`WWW-Authenticate: Bearer\` challenge (RFC 6750); 429 and 503 carry \`Retry-After\` in seconds.

| code | status | when |
|---|---|---|
${rows.join('\n')}
`
}

function describeError(code: ErrorCode, endpoints: readonly Endpoint[]): string {
  const { status, title, when, remedy, challenge } = entryOf(code)
  const answeredBy = endpoints
    .filter(({ errors }) => errors.includes(code))
    .map(({ method, path }) => `\`${method} ${path}\``)
  const challenged =
    challenge === undefined
      ? ''
      : `\n**Challenge** \`WWW-Authenticate: Bearer${challenge ? ` error="${challenge}", …` : ''}\`\n`
  return `${GENERATED}# ${title}

\`${code}\` · status ${status}

**When** ${when}

**What to do** ${remedy}
${challenged}
**Answered by** ${answeredBy.length === 0 ? 'any path' : answeredBy.length === endpoints.length ? 'every route' : answeredBy.join(', ')}
`
}

function describeEndpoints(endpoints: readonly Endpoint[]): string {
  const sections = endpoints.map(({ method, path, operation, errors }) => {
    const { summary, description, security, responses } = operation
    const successes = Object.entries(responses).filter(([status]) => status.startsWith('2'))
    return `## ${method} ${path}

${summary}.${description ? ` ${description}` : ''}

- Credentials: ${security.length > 0 ? 'access token' : 'none'}
- Success: ${successes.map(([status, success]) => `${status}, ${success.description.toLowerCase()}`).join('; ')}
- Errors: ${errors.map((code) => `[\`${code}\`](errors/${code}.md)`).join(', ')}
`
  })
  return `${GENERATED}# HTTP API

Paths are below the issuer's: with the issuer \`https://app.example.com/auth\`, \`/login\` is
\`https://app.example.com/auth/login\`. The same as OpenAPI 3.1, with every schema: [openapi.json](openapi.json), served at
\`/openapi.json\` with a page at \`/docs\`.

${sections.join('\n')}`
}

function describeEvents(): string {
  const rows = EVENT_TYPES.map((type) => `| \`${type}\` | ${EVENTS[type].severity} | ${EVENTS[type].when} |`)
  return `${GENERATED}# Events

What happened to a session or an account. \`createLatchkey\` tells \`onEvent\`, with the name as \`type\`; the server logs it,
with the name as \`event\`, as one JSON line on standard output. Nothing in an event is secret.

| event | level | when |
|---|---|---|
${rows.join('\n')}

## The log's other lines

| event | level | when |
|---|---|---|
| \`request\` | debug | A request was answered: method, route, status and milliseconds. |
| \`fault\` | error | A fault of ours, or a store that does not answer. |
| \`server_busy\` | warn | A password was not checked, because too many were waiting. |
| \`stopping\` | info | The server was told to stop, and finishes what is under way. |

Every line has \`time\` and \`level\`; one that a request brought about also has the number of the \`request\`, the same in all its
lines, and the client's \`address\`. \`LATCHKEY_LOG_LEVEL\` says from which level on lines are written.
`
}

function describeMetrics(): string {
  // prom-client's types leave the labels out.
  type Described = {
    readonly name: string
    readonly type: unknown
    readonly help: string
    readonly labelNames: string[]
  }
  const { registry } = createMetrics()
  const rows = (registry.getMetricsAsArray() as unknown as readonly Described[])
    .filter(({ name }) => name.startsWith('latchkey_'))
    .map(({ name, type, labelNames, help }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${type} | ${labels} | ${help} |`
    })
  return `${GENERATED}# Metrics

The server gives them at \`/metrics\`, in Prometheus' text format, beside those of Node itself. An app that embeds Latchkey gives
\`createMetrics()\` of \`latchkey/metrics\` as the option \`metrics\`, and serves \`await metrics.text()\` to whom it likes. Each
process counts for itself.

| metric | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

## Who may read them

| \`LATCHKEY_METRICS_TOKEN\` | \`NODE_ENV\` | \`/metrics\` answers |
|---|---|---|
| given | any | who sends it as \`Authorization: Bearer TOKEN\`; 401 to others |
| not given | other than \`production\` | this machine itself, not through a proxy; 404 to others |
| not given | \`production\` | 404, and nothing is counted |
`
}

function describeCommands(): string {
  const sections = COMMANDS.map(({ name, help }) => `## latchkey ${name}\n\n\`\`\`\n${help()}\n\`\`\`\n`)
  return `${GENERATED}# Command line

The exit code is 0 when all went well, 1 when something could not be done, 2 when the command line or a setting is wrong. What
was asked for goes to standard output, what is said about it to standard error. From a clone,
\`node scripts/run.mjs packages/server/src/cli/main.ts COMMAND\` is \`latchkey COMMAND\`.

${sections.join('\n')}`
}
