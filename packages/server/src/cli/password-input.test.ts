import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import { Mistake } from './command.ts'
import { readPassword } from './password-input.ts'

function person() {
  const input = new PassThrough()
  const errors = new PassThrough()
  const terminal = { env: {}, input, output: errors, errors, isInputTTY: true, isErrorsTTY: true }
  const prompts = async (count: number) => {
    let shown = ''
    while (shown.split(':').length <= count) {
      await new Promise((resolve) => errors.once('readable', resolve))
      shown += String(errors.read() ?? '')
    }
    return shown
  }
  return { terminal, input, prompts }
}

describe('a password typed by a person', () => {
  it('is asked for twice, shown to nobody, and taken as it is', async () => {
    const { terminal, input, prompts } = person()
    const answer = readPassword(terminal)
    let shown = await prompts(1)
    input.write(' correct höörse\r')
    shown += await prompts(1)
    input.write(' correct höörse\r')
    assert.equal(await answer, ' correct höörse')
    assert.doesNotMatch(`${shown}${terminal.errors.read() ?? ''}`, /correct/)
  })

  it('is a mistake when the two differ, or there is none', async () => {
    const { terminal, input, prompts } = person()
    const answer = readPassword(terminal)
    await prompts(1)
    input.write('one\r')
    await prompts(1)
    input.write('other\r')
    await assert.rejects(answer, new Mistake('the two passwords differ'))
    const leaving = person()
    const none = readPassword(leaving.terminal)
    await leaving.prompts(1)
    leaving.input.write('\u0003')
    await assert.rejects(none, new Mistake('no password was given'))
  })
})
