// Latchkey in a Hono app: the routes under /auth, and a guard for your own.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createLatchkey, sqliteStore } from 'latchkey'
import { protect } from 'latchkey/hono'

const port = Number(process.env.PORT ?? 3000)
const latchkey = await createLatchkey({
  issuer: `http://localhost:${port}/auth`,
  audience: `http://localhost:${port}`,
  store: sqliteStore(`${process.env.DATA_DIR ?? '.'}/latchkey.db`),
})

const app = new Hono()
app.all('/auth/*', (c) => latchkey.fetch(c.req.raw))
app.get('/api/protected', protect(latchkey), (c) => c.json({ hello: c.get('auth').subject }))

serve({ fetch: app.fetch, port }, () => console.log(`http://localhost:${port}/auth/docs`))
