import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Mistake } from './command.ts'
import type { Terminal } from './terminal.ts'

const MAX_BYTES = 4096

/**
 * A password, asked for twice without showing it, or the first line of what is piped in. Never from the command line:
 * that is there for every user of the machine to see.
 */
export async function readPassword(terminal: Terminal): Promise<string> {
  const password = terminal.isInputTTY ? await askTwice(terminal) : await readLine(terminal)
  if (password === '') throw new Mistake('the password is empty: give it on standard input')
  return password
}

async function askTwice(terminal: Terminal): Promise<string> {
  const first = await ask(terminal, 'Password: ')
  if (first !== (await ask(terminal, 'Once more: '))) throw new Mistake('the two passwords differ')
  return first
}

/** What is typed is shown to nobody: the line is edited on a screen that is not there. */
function ask({ input, errors }: Terminal, prompt: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const line = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  errors.write(prompt)
  return new Promise<string>((resolve, reject) => {
    line.once('line', resolve)
    line.once('close', () => reject(new Mistake('no password was given')))
  }).finally(() => {
    errors.write('\n')
    line.close()
  })
}

async function readLine({ input }: Terminal): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk))
    if (chunk.includes('\n') || Buffer.concat(chunks).length > MAX_BYTES) break
  }
  const [line = ''] = decode(Buffer.concat(chunks)).split('\n', 1)
  return line.replace(/\r$/, '')
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Mistake('the password is no UTF-8 text')
  }
}
