import { CATALOGUE, type ErrorCode, entryOf } from '@latchkey/protocol/errors'

/** The page of one error code, or null when there is no such code. */
export function errorPageHtml(code: string): string | null {
  if (!isErrorCode(code)) return null
  const { status, title, when, remedy } = entryOf(code)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${code} · Latchkey</title>
<link rel="icon" href="data:,">
<style>
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }
code { font-size: 0.95em }
dt { font-weight: 600; margin-top: 1rem }
dd { margin: 0 }
</style>
</head>
<body>
<h1>${title}</h1>
<p><code>${code}</code> · status ${status}</p>
<dl>
<dt>When</dt><dd>${toHtml(when)}</dd>
<dt>What to do</dt><dd>${toHtml(remedy)}</dd>
</dl>
</body>
</html>
`
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CATALOGUE, code)
}

/** The catalogue's texts are ours: plain, with code between backticks. */
function toHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/`([^`]+)`/g, '<code>$1</code>')
}
