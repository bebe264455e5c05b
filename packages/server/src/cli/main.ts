#!/usr/bin/env node
import { ConfigurationError } from '../config/read-settings.ts'
import { serve, serveHelp } from './serve.ts'

interface Command {
  readonly summary: string
  readonly help: () => string
  readonly run: (args: readonly string[]) => Promise<void>
}

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: { summary: 'run the server', help: serveHelp, run: serve },
}

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  return ['Usage: latchkey COMMAND [options]', '', ...commands, '', 'latchkey COMMAND --help tells more.'].join('\n')
}

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  if (name === '' || name === '--help' || name === 'help') {
    console.log(help())
    return
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new ConfigurationError(`there is no command ${name}; see latchkey --help`)
  if (args.includes('--help')) console.log(command.help())
  else await command.run(args)
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isMistake = error instanceof ConfigurationError
  console.error(isMistake ? `latchkey: ${error.message}` : error)
  process.exitCode = isMistake ? 2 : 1
})
