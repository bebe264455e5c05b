import { LatchkeyError } from '@latchkey/protocol/errors'
import type { Services } from '../../services.ts'
import { describeApi } from '../openapi.ts'
import { API_PAGE_FILES, apiPageHtml, readApiPageFile } from '../pages/api-page.ts'
import { errorPageHtml } from '../pages/error-page.ts'
import { publicRoute, type Route } from '../route.ts'

/** The documents about the routes: the OpenAPI document, its page, and a page for each error code. */
export function apiDocumentRoutes({ issuer }: Services, routes: readonly Route[]): readonly Route[] {
  const document = describeApi(routes, issuer)
  return [
    publicRoute({
      method: 'GET',
      path: '/openapi.json',
      name: 'openapi',
      tag: 'Documents',
      summary: 'The OpenAPI 3.1 document',
      success: { status: 200, description: 'The document' },
      errors: [],
      async handle() {
        return { status: 200, json: document }
      },
    }),
    publicRoute({
      method: 'GET',
      path: '/docs',
      name: 'docs',
      tag: 'Documents',
      summary: 'The API page',
      success: { status: 200, description: 'An HTML page' },
      errors: [],
      async handle() {
        return { status: 200, text: apiPageHtml(issuer), headers: PAGE_HEADERS }
      },
    }),
    publicRoute({
      method: 'GET',
      path: '/docs/{file}',
      name: 'docsFile',
      tag: 'Documents',
      summary: 'What the API page loads',
      success: { status: 200, description: 'A script or a style sheet' },
      errors: ['not_found'],
      async handle({ param }) {
        const type = API_PAGE_FILES.get(param('file'))
        if (type === undefined) throw new LatchkeyError('not_found')
        const text = await readApiPageFile(param('file'))
        return { status: 200, text, headers: { 'content-type': type, 'cache-control': 'public, max-age=3600' } }
      },
    }),
    publicRoute({
      method: 'GET',
      path: '/errors/{code}',
      name: 'errorPage',
      tag: 'Documents',
      summary: 'What an error code means',
      description: 'The `type` of every problem leads here.',
      success: { status: 200, description: 'An HTML page' },
      errors: ['not_found'],
      async handle({ param }) {
        const text = errorPageHtml(param('code'))
        if (text === null) throw new LatchkeyError('not_found')
        return { status: 200, text, headers: PAGE_HEADERS }
      },
    }),
  ]
}

/** The page's scripts are ours; its kit writes styles from script, which `style-src` must allow. */
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}
