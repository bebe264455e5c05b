/** Answers every request with the same bytes, without reading it: what the load process can send at most. */
import { createServer } from 'node:net'
import { SESSIONS } from './protocol.ts'
import { announce, listen } from './server-process.ts'

const body = JSON.stringify({ access_token: 'a'.repeat(550), token_type: 'Bearer', expires_in: 900 })
const cookie = `constant=${'c'.repeat(400)}`
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nset-cookie: ${cookie}; Path=/\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
)

// A client here sends one request at a time, and each fits one packet: a chunk is a request.
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(answer))
  socket.on('error', () => socket.destroy())
})

const tokens = Array.from({ length: SESSIONS }, () => 'c'.repeat(400))
announce({ port: await listen(server), cookieName: 'constant', tokens })
