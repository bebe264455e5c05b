import { flagOf, SETTINGS, type Setting, type SettingInput, type SettingName, type Settings } from './settings.ts'

/** A setting that is not allowed. The message is one line that names it and says what is. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

export interface SettingSources {
  /** From the command line, by flag. */
  readonly flags?: Readonly<Record<string, string>>
  /** From code, by name. */
  readonly options?: Readonly<Partial<Record<SettingName, SettingInput | undefined>>>
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Reads every setting: a flag wins over an option, an option over the environment, that over the default.
 *
 * @throws ConfigurationError for the first that is not allowed
 */
export function readSettings(sources: SettingSources): Settings {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    values[name] = readSetting(name, setting, sources)
  }
  const settings = values as Settings
  checkTogether(settings)
  return settings
}

function readSetting(name: string, setting: Setting<unknown>, { flags = {}, options = {}, env = {} }: SettingSources) {
  const option = Object.entries(options).find(([key]) => key === name)?.[1]
  const [from, text] =
    flags[flagOf(name)] !== undefined && !setting.secret
      ? [`--${flagOf(name)}`, flags[flagOf(name)]]
      : option !== undefined
        ? [name, toText(option)]
        : env[setting.env] !== undefined && env[setting.env] !== ''
          ? [setting.env, env[setting.env]]
          : [setting.env, setting.default]
  if (text === null || text === undefined) return undefined
  const value = setting.parse(text)
  if (value !== undefined) return value
  const given = setting.secret ? '' : `, not ${JSON.stringify(text.slice(0, 100))}`
  throw new ConfigurationError(`${from} must be ${setting.allowed}${given}`)
}

function checkTogether({ accessTtl, idleTtl, absoluteTtl, turnEvery }: Settings): void {
  if (idleTtl > absoluteTtl) throw new ConfigurationError('LATCHKEY_IDLE_TTL must not exceed LATCHKEY_ABSOLUTE_TTL')
  if (accessTtl > absoluteTtl) throw new ConfigurationError('LATCHKEY_ACCESS_TTL must not exceed LATCHKEY_ABSOLUTE_TTL')
  if (turnEvery * 2 > idleTtl) {
    throw new ConfigurationError('LATCHKEY_TURN_EVERY must not exceed half of LATCHKEY_IDLE_TTL')
  }
}

function toText(option: SettingInput): string {
  if (typeof option === 'boolean') return option ? 'on' : 'off'
  return Array.isArray(option) ? option.join(',') : String(option)
}
