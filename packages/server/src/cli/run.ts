import { LatchkeyError } from '@latchkey/protocol/errors'
import { ConfigurationError } from '../config/read-settings.ts'
import { describeFault } from '../observability/describe-fault.ts'
import { afterRestore } from './after-restore.ts'
import { type Command, type ExitCode, Failure, Mistake } from './command.ts'
import { doctor } from './doctor.ts'
import { listKeys, pullKey, rotateKeys } from './keys.ts'
import { migrate } from './migrate.ts'
import { note, printable, say } from './output.ts'
import { serve } from './serve.ts'
import { listSessions, revokeSessions } from './sessions.ts'
import type { Terminal } from './terminal.ts'
import { createUser, deleteUser, disableUser, enableUser, listUsers, resetLink, setPassword } from './users.ts'
import { importUsers } from './users-import.ts'

/** Every command there is; the help is made from this list. */
export const COMMANDS: readonly Command[] = [
  serve,
  migrate,
  doctor,
  listKeys,
  rotateKeys,
  pullKey,
  createUser,
  importUsers,
  setPassword,
  resetLink,
  disableUser,
  enableUser,
  deleteUser,
  listUsers,
  listSessions,
  revokeSessions,
  afterRestore,
]

/** Runs one command line and returns its exit code. Never throws. */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    const command = findCommand(args)
    if (command !== undefined) {
      const rest = args.slice(command.name.split(' ').length)
      if (!asksForHelp(rest)) return await command.run(rest, terminal)
      say(terminal, command.help())
      return 0
    }
    const [family = ''] = args
    if (family === '' || family === 'help' || asksForHelp([family])) {
      say(terminal, describeCommands(COMMANDS))
      return 0
    }
    const members = COMMANDS.filter(({ name }) => name.startsWith(`${family} `))
    if (members.length > 0 && (args.length === 1 || asksForHelp(args))) {
      say(terminal, describeCommands(members))
      return 0
    }
    const meant = args.slice(0, members.length > 0 ? 2 : 1).join(' ')
    throw new Mistake(`there is no command ${JSON.stringify(meant)}; see latchkey --help`)
  } catch (error) {
    const { line, code } = explain(error)
    note(terminal, `latchkey: ${printable(line)}`)
    return code
  }
}

function findCommand(args: readonly string[]): Command | undefined {
  return COMMANDS.find(({ name }) => name.split(' ').every((word, index) => args[index] === word))
}

function asksForHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h')
}

function describeCommands(commands: readonly Command[]): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return ['Usage: latchkey COMMAND [options]', '', ...lines, '', 'latchkey COMMAND --help tells more.'].join('\n')
}

/** What went wrong in one line, and whose fault it is. */
function explain(error: unknown): { readonly line: string; readonly code: 1 | 2 } {
  if (error instanceof Mistake || error instanceof ConfigurationError) return { line: error.message, code: 2 }
  if (error instanceof Failure) return { line: error.message, code: 1 }
  if (error instanceof LatchkeyError) {
    const [fault] = error.facts.errors ?? []
    if (fault !== undefined) return { line: `the ${fault.pointer.slice(1)} ${fault.detail}`, code: 2 }
    const reason = error.cause instanceof Error ? `: ${error.cause.message}` : ''
    return { line: `${error.message}${reason}`, code: 1 }
  }
  return { line: `an unexpected fault: ${JSON.stringify(describeFault(error))}`, code: 1 }
}
