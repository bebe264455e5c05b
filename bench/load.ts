/**
 * The load: a closed loop of connections, each going round its own sessions with the tokens it was last given. HTTP is
 * written and read by hand, so that this process is not what is measured; `constant.ts` shows how far it reaches.
 */
import { connect, type Socket } from 'node:net'
import { CONNECTIONS, type Load, type LoadMessage, REFRESH_PATH, type Target } from './protocol.ts'
import { cpuTime, endWithMain } from './server-process.ts'

interface Session {
  token: string
}

interface Known {
  readonly port: number
  readonly cookieName: string
  readonly sessions: readonly Session[]
}

interface Count {
  answers: number
  turned: number
  sample: string
}

const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'

const targets = new Map<string, Known>()

process.on('message', async (message: LoadMessage) => {
  if ('learn' in message) targets.set(message.learn, know(message.target))
  else process.send?.(await load(message.load, message.milliseconds))
})
endWithMain()

function know({ port, cookieName, tokens }: Target): Known {
  return { port, cookieName, sessions: tokens.map((token) => ({ token })) }
}

async function load(name: string, milliseconds: number): Promise<Load> {
  const target = targets.get(name)
  if (target === undefined) throw new Error(`the load process has not learnt of ${name}`)
  const count: Count = { answers: 0, turned: 0, sample: '' }
  const [cpuBefore, begun] = [cpuTime(), performance.now()]
  const until = begun + milliseconds
  const stop = stayAwake()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, connection) => {
      const own = target.sessions.filter((_session, index) => index % CONNECTIONS === connection)
      return refreshInTurn(target, own, until, count)
    }),
  )
  stop()
  return { ...count, milliseconds: performance.now() - begun, cpu: cpuTime() - cpuBefore }
}

/** Keeps this process polling: waking a sleeping reader costs the server more than writing to it, and unevenly so. */
function stayAwake(): () => void {
  let next = setImmediate(function again() {
    next = setImmediate(again)
  })
  return () => clearImmediate(next)
}

/** One connection: the next request leaves when the last answer is whole. Ends between two requests. */
function refreshInTurn({ port, cookieName }: Known, sessions: readonly Session[], until: number, count: Count) {
  return new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const start = `POST ${REFRESH_PATH} HTTP/1.1\r\nhost: localhost:${port}\r\nuser-agent: ${USER_AGENT}\r\naccept: */*\r\nsec-fetch-site: same-origin\r\norigin: http://localhost:${port}\r\ncontent-length: 0\r\ncookie: ${cookieName}=`
    let index = 0
    let received = ''
    socket.setEncoding('latin1')
    socket.on('connect', next)
    socket.on('error', reject)
    socket.on('close', () => resolve())
    socket.on('data', (chunk: string) => {
      received = received === '' ? chunk : received + chunk
      if (!isWhole(received)) return
      const session = sessions[index++ % sessions.length]
      if (session === undefined || !received.startsWith('HTTP/1.1 200 ')) return fail(socket, received)
      const successor = readCookie(received, cookieName)
      if (successor !== undefined) {
        session.token = successor
        count.turned++
      }
      count.answers++
      if (performance.now() < until) {
        received = ''
        next()
      } else {
        count.sample = received
        socket.end()
      }
    })

    function next() {
      socket.write(`${start}${sessions[index % sessions.length]?.token}\r\n\r\n`, 'latin1')
    }
  })
}

function isWhole(received: string): boolean {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd === -1) return false
  const at = findHeader(received, 'content-length')
  return received.length >= headEnd + 4 + Number.parseInt(received.slice(at), 10)
}

function readCookie(answer: string, name: string): string | undefined {
  const at = findHeader(answer, 'set-cookie')
  if (at === -1) return undefined
  return answer.slice(at + name.length + 1, answer.indexOf(';', at))
}

/** Where the header's value begins; servers differ in how they capitalise a name. */
function findHeader(answer: string, name: string): number {
  const lower = answer.indexOf(`\r\n${name}: `)
  const at =
    lower === -1 ? answer.indexOf(`\r\n${name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())}: `) : lower
  return at === -1 ? -1 : at + name.length + 4
}

function fail(socket: Socket, answer: string): void {
  socket.destroy(new Error(`a refresh was refused:\n${answer.slice(0, 2000)}`))
}
