import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Who may read the metrics: `refused` is to be told so, for `hidden` there is no such route. */
export type MetricsAccess = 'granted' | 'refused' | 'hidden'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** A proxy on this machine comes from here too, and brings strangers. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const

/** With a token, whoever bears it; without, only this machine itself. */
export function metricsAccess(request: IncomingMessage | undefined, token: string | undefined): MetricsAccess {
  if (request === undefined) return 'hidden'
  if (token !== undefined) return bears(request, token) ? 'granted' : 'refused'
  const isDirect = PROXY_HEADERS.every((name) => request.headers[name] === undefined)
  return isDirect && isLoopback(request.socket.remoteAddress) ? 'granted' : 'hidden'
}

function bears({ headers }: IncomingMessage, token: string): boolean {
  const [, given = ''] = /^bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  return timingSafeEqual(digest(given), digest(token))
}

function isLoopback(address = ''): boolean {
  return isIP(address) !== 0 && LOOPBACK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
