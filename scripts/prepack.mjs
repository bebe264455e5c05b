/** Before a package is packed: compiles it and puts beside it what the tarball carries. Runs in the package's folder. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const require = createRequire(import.meta.url)

rmSync('dist', { recursive: true, force: true })
rmSync('tsconfig.tsbuildinfo', { force: true })
execFileSync('tsc', ['-b'], { stdio: 'inherit' })
copyFileSync(join(ROOT, 'LICENSE'), 'LICENSE')
if (process.env.npm_package_name === 'latchkey') {
  copyFileSync(join(ROOT, 'README.md'), 'README.md')
  copyApiPage()
}

/** So that the published package needs no other package for its API page. */
function copyApiPage() {
  const kit = dirname(require.resolve('swagger-ui-dist/package.json'))
  if (!existsSync('api-page')) mkdirSync('api-page')
  for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE', 'NOTICE']) {
    cpSync(join(kit, file), join('api-page', file))
  }
}
