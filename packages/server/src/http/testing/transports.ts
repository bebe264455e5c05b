/**
 * How a request reaches the routes. The suite talks to every one of them in the same way, so that it can be run against
 * each: `LATCHKEY_TEST_VIA=express node --test …`.
 */
import { createServer, type RequestListener, request as send } from 'node:http'
import { connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Latchkey } from '../../latchkey.ts'

export interface Connection {
  send(request: Request): Promise<Response>
  close(): Promise<void>
}

export type Transport = (latchkey: Pick<Latchkey, 'node' | 'fetch' | 'issuer'>) => Promise<Connection>

const inMemory: Transport = async (latchkey) => ({
  send: async (request) => latchkey.fetch(request),
  close: async () => {},
})

export const TRANSPORTS = {
  fetch: inMemory,
  node: (latchkey) => overSocket(latchkey.node),
  express: async (latchkey) => {
    const { default: express } = await import('express')
    return overSocket(express().disable('x-powered-by').use('/auth', latchkey.node))
  },
  'express, after express.json()': async (latchkey) => {
    const { default: express } = await import('express')
    return overSocket(express().disable('x-powered-by').use(express.json()).use('/auth', latchkey.node))
  },
  hono: (latchkey) => {
    const app = new Hono().all('/auth/*', (context) => latchkey.fetch(context.req.raw))
    return overSocket(getRequestListener((request) => app.fetch(request)))
  },
} as const satisfies Record<string, Transport>

export type TransportName = keyof typeof TRANSPORTS

async function overSocket(listener: RequestListener): Promise<Connection> {
  const { port, close } = await listen(listener)
  return { send: (request) => exchange(port, request), close }
}

/** Serves on a free port of this machine. */
export async function listen(listener: RequestListener): Promise<{ port: number; close(): Promise<void> }> {
  // A test that fails before it closes its server must not keep the process waiting.
  const server = createServer(listener).unref()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('not listening')
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** `fetch` sets headers of its own; this sends the request as it is. */
async function exchange(port: number, request: Request): Promise<Response> {
  const { host, pathname, search } = new URL(request.url)
  const body = Buffer.from(await request.arrayBuffer())
  const headers = { ...Object.fromEntries(request.headers), host, 'content-length': body.byteLength }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method: request.method, path: pathname + search, headers }
    const outgoing = send(options, (incoming) => {
      const answered = new Headers()
      for (const [name, values] of Object.entries(incoming.headersDistinct)) {
        for (const value of values ?? []) answered.append(name, value)
      }
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const { statusCode: status = 0 } = incoming
        resolve(new Response(chunks.length > 0 ? Buffer.concat(chunks) : null, { status, headers: answered }))
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Sends bytes as they are and returns all that comes back until the server closes, or has been silent for a moment. */
export function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1').setTimeout(2000, () => socket.destroy())
    socket.on('data', (text) => {
      received += text
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}
