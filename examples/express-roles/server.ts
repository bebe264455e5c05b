// Roles: a claim by the application's choice, and a route for administrators only.
import { randomBytes } from 'node:crypto'
import express, { type NextFunction, type Request, type Response } from 'express'
import { createLatchkey, sqliteStore } from 'latchkey'

const port = Number(process.env.PORT ?? 3000)

/** The application's own table: who has which role. In memory, like the accounts, so that each start begins anew. */
const roles = new Map<string, readonly string[]>()

const latchkey = await createLatchkey({
  issuer: `http://localhost:${port}/auth`,
  store: sqliteStore(':memory:'),
  claims: ({ subject }) => ({ roles: roles.get(subject) ?? [] }),
})

const app = express()
app.use(express.json())
app.use('/auth', latchkey.node)

app.get('/api/reports', latchkey.protect(), requireRole('admin'), (_req, res) => {
  res.json({ reports: ['who signed in last week'] })
})

// A new role is in the next token, at the latest in fifteen minutes. `revokeAll` makes it so at once, at the price of a sign-in.
app.put('/api/users/:id/roles', latchkey.protect(), requireRole('admin'), async (req, res) => {
  const { id } = req.params
  if (typeof id !== 'string' || !isRoles(req.body?.roles))
    return void res.status(422).json({ error: 'roles is a list of names' })
  const isDemotion = (roles.get(id) ?? []).some((role) => !req.body.roles.includes(role))
  roles.set(id, req.body.roles)
  if (isDemotion) await latchkey.sessions.revokeAll(id)
  res.sendStatus(204)
})

function requireRole(role: string) {
  return (req: Request, res: Response, next: NextFunction) => {
    const { roles } = req.auth.claims
    if (isRoles(roles) && roles.includes(role)) next()
    else res.status(403).json({ error: `only for ${role}` })
  }
}

function isRoles(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((role) => typeof role === 'string')
}

const password = process.env.ADMIN_PASSWORD ?? randomBytes(12).toString('base64url')
const admin = await latchkey.accounts?.create({ username: 'admin', password, profile: {} })
if (admin) roles.set(admin.id, ['admin'])
app.listen(port, () => console.log(`http://localhost:${port}/auth/docs, user admin, password ${password}`))
