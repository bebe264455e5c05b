import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What the page loads, and as what. */
export const API_PAGE_FILES: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['start.js', 'text/javascript; charset=utf-8'],
])

const START = `SwaggerUIBundle({ url: document.body.dataset.document, dom_id: '#api', deepLinking: true })\n`

/** Swagger UI over the OpenAPI document, from files of our own: the page asks no other host. */
export function apiPageHtml(issuer: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${issuer}/docs/swagger-ui.css">
</head>
<body data-document="${issuer}/openapi.json">
<div id="api"></div>
<script src="${issuer}/docs/swagger-ui-bundle.js"></script>
<script src="${issuer}/docs/start.js"></script>
</body>
</html>
`
}

export async function readApiPageFile(file: string): Promise<string> {
  return file === 'start.js' ? START : readFile(join(kitFolder(), file), 'utf8')
}

/** The published package carries the kit's files; a clone has the kit itself. */
function kitFolder(): string {
  const packed = join(import.meta.dirname, '../../../api-page')
  return existsSync(packed) ? packed : dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
}
