import type { IncomingMessage } from 'node:http'
import ipaddr from 'ipaddr.js'
import proxyAddr from 'proxy-addr'
import type { TrustProxy } from '../config/settings.ts'

/** Whom to count a request against: the client's address, as the trusted proxies tell it. */
export function clientAddress(request: IncomingMessage, trust: TrustProxy): string | undefined {
  return canonicalAddress(proxyAddr(request, trust))
}

/**
 * An address in one spelling, without the port that some proxies add; undefined for what is none. An IPv6 client is counted by its /64, because whoever has one
 * address there has them all.
 */
export function canonicalAddress(address: string | undefined): string | undefined {
  const [, v6, v4] = /^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(address ?? '') ?? []
  const bare = v6 ?? v4 ?? address
  if (bare === undefined || !ipaddr.isValid(bare)) return undefined
  const parsed = ipaddr.process(bare)
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString()
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}
