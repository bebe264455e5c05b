// Latchkey in an Express 5 app: the routes under /auth, and a guard for your own.
import express from 'express'
import { createLatchkey, sqliteStore } from 'latchkey'

const port = Number(process.env.PORT ?? 3000)
const app = express()
app.use(express.json())

const latchkey = await createLatchkey({
  issuer: `http://localhost:${port}/auth`,
  audience: `http://localhost:${port}`,
  store: sqliteStore(`${process.env.DATA_DIR ?? '.'}/latchkey.db`),
})
app.use('/auth', latchkey.node)

app.get('/api/protected', latchkey.protect(), (req, res) => {
  res.json({ hello: req.auth.subject })
})

app.listen(port, () => console.log(`http://localhost:${port}/auth/docs`))
