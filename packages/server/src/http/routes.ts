import type { Services } from '../services.ts'
import type { Route } from './route.ts'
import { apiDocumentRoutes } from './routes/api-document.ts'
import { loginRoute } from './routes/login.ts'
import { logoutRoute } from './routes/logout.ts'
import { logoutAllRoute } from './routes/logout-all.ts'
import { deleteMeRoute, readMeRoute } from './routes/me.ts'
import { passwordRoute, resetPasswordRoute } from './routes/password.ts'
import { refreshRoute } from './routes/refresh.ts'
import { endSessionRoute, listSessionsRoute } from './routes/sessions.ts'
import { signupRoute } from './routes/signup.ts'
import { jwksRoute, metadataRoute } from './routes/well-known.ts'

/** Every route there is: the router, `Allow`, and, but for the documents about them, the OpenAPI document and docs/api.md. */
export function createRoutes(services: Services): readonly Route[] {
  const { accounts } = services
  const routes = [
    ...(accounts === undefined ? [] : [signupRoute(services, accounts), loginRoute(services, accounts)]),
    refreshRoute(services),
    logoutRoute(services),
    logoutAllRoute(services),
    ...(accounts === undefined
      ? []
      : [
          readMeRoute(services, accounts),
          deleteMeRoute(services, accounts),
          passwordRoute(services, accounts),
          resetPasswordRoute(services, accounts),
        ]),
    listSessionsRoute(services),
    endSessionRoute(services),
    jwksRoute(services),
    metadataRoute(services),
  ]
  return [...routes, ...apiDocumentRoutes(services, routes)]
}
