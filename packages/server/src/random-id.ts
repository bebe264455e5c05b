import { randomFillSync } from 'node:crypto'

const ID_BYTES = 16

/** Random bytes not yet used. One request to the system for all of them costs little more than one for 16 bytes. */
const pool = Buffer.alloc(256 * ID_BYTES)
let next = pool.length

/** 128 random bits, base64url; never with a hyphen in front, or a command line would take an id for an option. */
export function randomId(): string {
  for (;;) {
    const id = takeId()
    if (!id.startsWith('-')) return id
  }
}

function takeId(): string {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  const id = pool.toString('base64url', next, next + ID_BYTES)
  // What has been given out is not left lying in memory.
  pool.fill(0, next, next + ID_BYTES)
  next += ID_BYTES
  return id
}
