import { hash } from 'node:crypto'

/** SHA-256 in base64url: for finding again what is not to be kept as it is. */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url')
}
