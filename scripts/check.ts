/** `npm test`: everything that must hold, one step after the other, each with its time. Stops at the first that fails. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

interface Step {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const ROOT = join(import.meta.dirname, '..')
const require = createRequire(import.meta.url)
const NODE = [process.execPath, '--conditions=@latchkey/source', '--disable-warning=ExperimentalWarning'] as const

const STEPS: readonly Step[] = [
  {
    name: 'format and lint',
    command: [process.execPath, binary('@biomejs/biome', 'biome'), 'ci', '--error-on-warnings', '.'],
  },
  { name: 'types', command: [process.execPath, binary('typescript', 'tsc'), '--noEmit'] },
  { name: 'generated documents', command: [...NODE, 'scripts/generate-docs.ts', '--check'] },
  { name: 'requirements', command: [...NODE, 'scripts/check-requirements.ts'] },
  {
    name: 'tests',
    command: [
      ...NODE,
      '--test',
      '--test-reporter=spec',
      'packages/*/src/**/*.test.ts',
      'examples/**/*.test.ts',
      'scripts/*.test.ts',
    ],
  },
]

for (const { name, command } of STEPS) {
  const startedAt = performance.now()
  console.log(`\n── ${name}`)
  const code = await run(command)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`── ${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${seconds} s`)
  if (code !== 0) process.exit(1)
}

function run([file, ...args]: readonly [string, ...string[]]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: ROOT, stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

/** A tool's program, found through its package, so that nothing depends on PATH. */
function binary(name: string, command: string): string {
  const manifest = require.resolve(`${name}/package.json`)
  const { bin }: { bin: string | Record<string, string> } = require(manifest)
  const file = typeof bin === 'string' ? bin : bin[command]
  if (file === undefined) throw new Error(`${name} has no program ${command}`)
  return join(dirname(manifest), file)
}
