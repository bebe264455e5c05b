/** What a command is, and how its command line is read. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { readSettings } from '../config/read-settings.ts'
import { flagOf, SETTINGS, type Setting, type SettingName, type Settings } from '../config/settings.ts'
import type { Terminal } from './terminal.ts'

/** The caller's mistake: one line on standard error, exit code 2. */
export class Mistake extends Error {
  override readonly name = 'Mistake'
}

/** What could not be done, for a reason outside the command line: one line on standard error, exit code 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** 0 fine, 1 failed, 2 the caller's mistake. */
export type ExitCode = 0 | 1 | 2

export interface CommandOption {
  readonly type: 'string' | 'boolean'
  /** What stands for the value in the help, as `NAME`. */
  readonly value?: string
  readonly description: string
}

type Options = Readonly<Record<string, CommandOption>>

type OptionValues<Given extends Options> = {
  readonly [Name in keyof Given]: Given[Name]['type'] extends 'boolean' ? boolean : string | undefined
}

export interface Invocation<Given extends Options> {
  readonly options: OptionValues<Given>
  /** What is neither option nor value of one. As many as the usage asks for. */
  readonly operands: readonly string[]
  readonly settings: Settings
  readonly terminal: Terminal
}

interface Description {
  /** As it is typed: `keys rotate`. */
  readonly name: string
  readonly summary: string
  /** What is to be known beside the options. */
  readonly details?: string
  /** The operands: `KID`, or `[SUBJECT]` for one that may be left out. */
  readonly operands?: readonly string[]
  readonly options: Options
  /** The settings that matter to it, each by a flag as `serve` has it. */
  readonly settings: readonly SettingName[]
}

interface Definition<Given extends Options> extends Description {
  readonly options: Given
  readonly run: (invocation: Invocation<Given>) => Promise<ExitCode>
}

export interface Command {
  readonly name: string
  readonly summary: string
  readonly help: () => string
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<ExitCode>
}

export const JSON_OPTION = { type: 'boolean', description: 'Print JSON, for programs.' } as const

/** A command that reads its own command line. */
export function command<const Given extends Options>(definition: Definition<Given>): Command {
  const { name, summary, run } = definition
  return {
    name,
    summary,
    help: () => describe(definition),
    run: async (args, terminal) => {
      const { values, operands } = parse(definition, args)
      const flags = Object.fromEntries(
        Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      )
      const settings = readSettings({ flags, env: terminal.env })
      const options = Object.fromEntries(
        Object.entries<CommandOption>(definition.options).map(([option, { type }]) => [
          option,
          values[option] ?? (type === 'boolean' ? false : undefined),
        ]),
      ) as OptionValues<Given>
      return run({ options, operands, settings, terminal })
    },
  }
}

function parse(definition: Description, args: readonly string[]) {
  const { name, operands: expected = [], options, settings } = definition
  const see = `see latchkey ${name} --help`
  const known: NonNullable<ParseArgsConfig['options']> = {}
  for (const [option, { type }] of Object.entries(options)) known[option] = { type }
  for (const setting of settings) if (!isSecret(setting)) known[flagOf(setting)] = { type: 'string' }
  const { values, positionals } = parseStrictly([...args], known, see)
  const needed = expected.filter((operand) => !operand.startsWith('['))
  const missing = needed[positionals.length]
  if (missing !== undefined) throw new Mistake(`${name} needs ${missing}; ${see}`)
  const surplus = positionals[expected.length]
  if (surplus !== undefined) throw new Mistake(`${name} takes no argument ${JSON.stringify(surplus)}; ${see}`)
  return { values, operands: positionals }
}

function parseStrictly(args: string[], options: NonNullable<ParseArgsConfig['options']>, see: string) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: true })
  } catch (error) {
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split(/\.\s|\n/)
    throw new Mistake(`${message.replace(/\.$/, '')}; ${see}`)
  }
}

function isSecret(name: SettingName): boolean {
  return 'secret' in SETTINGS[name]
}

function describe({ name, summary, details, operands = [], options, settings }: Description): string {
  const own = Object.entries(options).map(([option, { type, value = 'VALUE', description }]) => [
    type === 'boolean' ? `--${option}` : `--${option} ${value}`,
    description,
  ])
  const shared = settings.map((setting) => {
    const { env, description }: Setting<unknown> = SETTINGS[setting]
    return [isSecret(setting) ? '' : `--${flagOf(setting)} VALUE`, `${description} [${env}]`]
  })
  const width = Math.max(...[...own, ...shared].map(([flag = '']) => flag.length), 0)
  const lines = (rows: readonly (readonly string[])[]) =>
    rows.map(([flag = '', text]) => `  ${flag.padEnd(width)}  ${text}`)
  return [
    `Usage: latchkey ${[name, ...operands].join(' ')} [options]`,
    '',
    summary,
    ...(details === undefined ? [] : ['', details]),
    ...(own.length > 0 ? ['', 'Options', ...lines(own)] : []),
    ...(shared.length > 0 ? ['', 'Settings, by flag or [environment]', ...lines(shared)] : []),
  ].join('\n')
}
