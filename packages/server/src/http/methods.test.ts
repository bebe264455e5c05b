import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { outcome, start } from './testing/start.ts'

const server = await start()
after(() => server.close())
const ada = await server.signUp('cookies')

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND']

describe('methods', () => {
  for (const [template, operations] of Object.entries(server.check.document.paths)) {
    const path = template.replace(/\{\w+\}/g, 'any')
    const known = Object.keys(operations).map((method) => method.toUpperCase())
    const allow = [...known, ...(known.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
    const others = METHODS.filter((method) => !allow.includes(method))

    it(`CK-09 ${template} takes ${allow.join(', ')}; any other is 405 with Allow`, async () => {
      for (const method of others) {
        const answer = await server.send(method, path, { headers: { 'sec-fetch-site': 'same-origin' } })
        assert.equal(
          method === 'HEAD' ? String(answer.status) : outcome(answer),
          method === 'HEAD' ? '405' : '405 method_not_allowed',
          method,
        )
        assert.deepEqual(answer.headers.get('allow')?.split(', ').sort(), allow.toSorted())
      }
      const options = await server.send('OPTIONS', path, {})
      assert.equal(options.status, 204)
      assert.deepEqual(options.headers.get('allow')?.split(', ').sort(), allow.toSorted())
    })

    if (known.includes('GET')) {
      it(`HEAD ${template} is GET without the content`, async () => {
        const [get, head] = [await ada.get(path), await ada.send('HEAD', path)]
        assert.equal(head.status, get.status)
        assert.equal(head.headers.get('content-type'), get.headers.get('content-type'))
        assert.equal(
          outcome(await server.send('HEAD', path, {})),
          outcome(await server.send('GET', path, {})).slice(0, 3),
        )
      })
    }
  }

  it('CK-09 no state changes ride on GET, HEAD or OPTIONS', async () => {
    const before = server.events.length
    for (const path of [
      '/refresh',
      '/logout',
      '/logout-all',
      '/password',
      `/sessions/${ada.sid}`,
      '/login',
      '/signup',
    ]) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const { status, setCookies } = await ada.send(method, path)
        assert.deepEqual([status, setCookies], [method === 'OPTIONS' ? 204 : 405, []])
      }
    }
    assert.equal(server.events.length, before)
    assert.equal((await ada.me()).status, 200)
  })
})

const ORIGIN = new URL(server.latchkey.issuer).origin

describe('ER-07 the guard cannot be dodged by spelling', () => {
  for (const path of [
    '//auth/me',
    '///auth/me',
    '/auth//me',
    '/auth/me/',
    '/auth/me//',
    '/auth/./me',
    '/auth/../auth/me',
    '/auth/x/../me',
    '/auth/%2e/me',
    '/auth/%2e%2e/auth/me',
    '/auth/%2E%2E/me',
    '/auth%2Fme',
    '/auth%2fme',
    '/auth/%2Fme',
    '/auth%5Cme',
    '/auth\\me',
    '\\auth\\me',
    '/AUTH/me',
    '/auth/ME',
    '/auth/Me',
    '/auth/%6de',
    '/auth/m%65',
    '/%61uth/me',
    '/auth/%256de',
    '/auth/me%00',
    '/auth/me%20',
    '/auth/me%2e',
    '/auth/me.json',
    '/auth/me;x=1',
    '/auth/me?',
    '/auth/me?x=/docs',
    '/auth/me#x',
    '/auth/docs/../me',
    '/auth/docs/%2e%2e/me',
    '/auth/docs/..%2fme',
    '/auth/docs/%2e%2e%2fme',
    '/auth/errors/../me',
    '/auth/%',
    '/auth/%zz',
    '/auth/%c0%af',
    '/auth/%E0%A4%A',
    '/auth/ｍｅ',
    '/auth/sessions/',
    '/auth/sessions//',
    '/me',
    '/',
    '/auth',
    '/auth/',
  ]) {
    it(`${path}`, async () => {
      for (const method of ['GET', 'HEAD', 'DELETE']) {
        const answer = await server.send(method, ORIGIN + path, {})
        assert.ok([401, 404, 405].includes(answer.status), `${method} → ${answer.status}`)
        assert.ok(!answer.text.includes('@example.com'))
      }
    })
  }

  for (const file of [
    '..%2f..%2fpackage.json',
    '%2e%2e/%2e%2e/etc/passwd',
    'package.json',
    'swagger-ui.js',
    '__proto__',
    'constructor',
    '.',
  ]) {
    it(`the API page has no file ${file}`, async () => {
      const { status } = await server.send('GET', `/docs/${file}`, {})
      assert.ok(status === 404 || file === '.', `${status}`)
    })
  }

  for (const code of ['__proto__', 'constructor', 'toString', 'unknown', '%3Cscript%3E', '..%2Fme']) {
    it(`there is no error ${code}`, async () => {
      assert.equal(outcome(await server.send('GET', `/errors/${code}`, {})), '404 not_found')
    })
  }
})
