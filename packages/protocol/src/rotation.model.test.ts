/** What docs/protocol.md promises, shown by simulation. See model/simulate.ts for what the model assumes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { Lineage, type Property, type Token } from './model/lineage.ts'
import { Random } from './model/random.ts'
import { TABLE_BEGINS, TABLE_ENDS, table } from './model/report.ts'
import { DEFAULT_SEED, DEFAULT_SESSIONS, explain, firstViolation, runModel, total } from './model/run.ts'
import { type Answer, LATCHKEY, type Protocol, Server, signIn } from './model/server.ts'
import { playSession, UNDETECTED } from './model/simulate.ts'
import { Store } from './model/store.ts'
import { DAY, SECOND, World } from './model/world.ts'
import { type Decision, type Rule, sincePromotion } from './rotation.ts'

const SEED = Number(process.env.LATCHKEY_MODEL_SEED ?? DEFAULT_SEED)
const SESSIONS = Number(process.env.LATCHKEY_MODEL_SESSIONS ?? DEFAULT_SESSIONS)
const IS_DEFAULT = SEED === DEFAULT_SEED && SESSIONS === DEFAULT_SESSIONS

describe(`the model, LATCHKEY_MODEL_SEED=${SEED} LATCHKEY_MODEL_SESSIONS=${SESSIONS}`, () => {
  const run = runModel(LATCHKEY, SEED, SESSIONS)

  const neverBreaks = (property: Property) => () => {
    const violation = run.violations.find((each) => each.property === property)
    if (violation !== undefined) assert.fail(explain(violation))
  }

  it(
    'P1 (RT-05): signs no honest client out, whatever is lost, late, doubled, reordered or concurrent',
    neverBreaks('P1'),
  )
  it(
    'P2 (RT-02, RT-06): ends the session at the first superseded token, and no thief goes on undetected',
    neverBreaks('P2'),
  )
  it('P3 (RT-01, RT-04): nothing older than the promoted token, and no sibling of it, ever yields', neverBreaks('P3'))
  it('P4 (RT-06, RT-08): a revoked or expired session never yields', neverBreaks('P4'))
  it('P5 (RT-07): a store that loses its latest promotions signs nobody out', neverBreaks('P5'))
  it('RT-09: what is forged, or arrives in another place than its session’s, never yields', neverBreaks('RT-09'))
  it('a turn is exactly one conditional write; hold and replay write nothing', neverBreaks('writes'))

  it('reaches every row of the table thousands of times', (t: TestContext) => {
    const decisions: readonly Decision[] = ['invalid', 'revoked', 'expired', 'hold', 'turn', 'replay', 'reuse']
    for (const decision of decisions) {
      const reached = total(run, decision)
      t.diagnostic(`${decision.padEnd(8)} ${reached.toLocaleString('en')}`)
      if (SESSIONS >= DEFAULT_SESSIONS) assert.ok(reached >= 1000, `${decision}: ${reached}`)
    }
    t.diagnostic(`${total(run, 'promotions lost')} promotions lost, ${total(run, 'found out')} thieves found out`)
    if (SESSIONS >= DEFAULT_SESSIONS)
      assert.ok(total(run, 'promotions lost') >= 1000 && total(run, 'found out') >= 1000)
  })

  it('plays a session again, event by event, from the seed and its number', () => {
    const again = () => playSession(LATCHKEY, SEED, 16, true)
    assert.deepEqual(again(), again())
    assert.ok(again().history.length > 1)
  })

  it('has its counts in docs/model.md', { skip: !IS_DEFAULT }, () => {
    const page = readFileSync(new URL('../../../docs/model.md', import.meta.url), 'utf8')
    const [, after = ''] = page.split(TABLE_BEGINS)
    const [written] = after.split(TABLE_ENDS)
    assert.equal(written?.trim(), table(run), 'run packages/protocol/src/model/report.ts and paste what it prints')
  })
})

const H = LATCHKEY.turnEvery
const { rules } = LATCHKEY

/** The protocol with one row of the table changed, or left out. */
const changed = (decision: Decision, holds: Rule['holds']): Protocol => ({
  ...LATCHKEY,
  rules: rules.map((rule) => (rule.decision === decision ? { decision, holds } : rule)),
})
const without = (decision: Decision): Protocol => changed(decision, () => false)

/** Row 1, lied to about one field. */
const blindTo = (lie: (row: Parameters<Rule['holds']>[0]) => Partial<Parameters<Rule['holds']>[1]>): Protocol => ({
  ...LATCHKEY,
  rules: rules.map(({ decision, holds }) => ({
    decision,
    holds: (row, token, now, turnEvery) =>
      holds(row, decision === 'invalid' ? { ...token, ...lie(row) } : token, now, turnEvery),
  })),
})

const inserted = (before: Decision, rule: Rule): Protocol => ({
  ...LATCHKEY,
  rules: rules.flatMap((each) => (each.decision === before ? [rule, each] : [each])),
})

const HELD_FROM_PROMOTION = changed(
  'hold',
  (row, token, now) => token.gen > row.gen && token.gen > 1 && sincePromotion(row, now) < H,
)

const MUTANTS: readonly { name: string; mutant: Protocol; breaks: Property; message?: string }[] = [
  { name: 'row 1 blind to the session’s key', mutant: blindTo(({ keyHash }) => ({ keyHash })), breaks: 'RT-09' },
  { name: 'row 1 blind to the subject', mutant: blindTo(({ subject }) => ({ subject })), breaks: 'RT-09' },
  {
    name: 'row 1 blind to the place a token arrives in',
    mutant: blindTo(({ delivery }) => ({ arrivedIn: delivery === 'body' ? 'body' : 'cookie' })),
    breaks: 'RT-09',
  },
  { name: 'no row 1', mutant: without('invalid'), breaks: 'RT-09' },
  { name: 'no row 2', mutant: without('revoked'), breaks: 'P4' },
  { name: 'no row 3', mutant: without('expired'), breaks: 'P4' },
  { name: 'no row 4', mutant: without('hold'), breaks: 'P1' },
  { name: 'no row 5', mutant: without('turn'), breaks: 'P1' },
  { name: 'no row 6', mutant: without('replay'), breaks: 'P1' },
  {
    name: 'row 7 refusing without ending the session',
    mutant: {
      ...LATCHKEY,
      rules: rules.map((rule) => (rule.decision === 'reuse' ? { ...rule, decision: 'invalid' } : rule)),
    },
    breaks: 'P2',
  },
  { name: 'turnEvery: 0', mutant: { ...LATCHKEY, turnEvery: 0 }, breaks: 'P1' },
  { name: 'hold counted from the promotion, not from the token’s issue', mutant: HELD_FROM_PROMOTION, breaks: 'P1' },
  {
    name: 'hold for the very next generation only',
    mutant: changed(
      'hold',
      (row, token, now) => token.gen === row.gen + 1 && token.gen > 1 && now - token.issuedAt < H,
    ),
    breaks: 'P5',
  },
  {
    name: 'hold only once the row has turned',
    mutant: changed('hold', (row, token, now) => token.gen > row.gen && row.gen > 0 && now - token.issuedAt < H),
    breaks: 'P5',
  },
  {
    name: 'turn for the very next generation only',
    mutant: changed('turn', (row, token) => token.gen === row.gen + 1),
    breaks: 'P5',
  },
  { name: 'replay for siblings too', mutant: changed('replay', (row, token) => token.gen === row.gen), breaks: 'P3' },
  {
    name: 'a grace period for superseded tokens',
    mutant: inserted('reuse', {
      decision: 'replay',
      holds: (row, token, now) => token.gen >= row.gen - 1 && sincePromotion(row, now) < H / 2,
    }),
    breaks: 'P2',
  },
  {
    name: 'one superseded generation always forgiven: the thief stays',
    mutant: inserted('reuse', { decision: 'replay', holds: (row, token) => token.gen >= row.gen - 1 }),
    breaks: 'P2',
    message: UNDETECTED,
  },
  {
    name: 'successors that can be predicted: the thief stays in step',
    mutant: { ...LATCHKEY, successorJti: ({ gen }) => `jti ${gen + 1}` },
    breaks: 'P2',
    message: UNDETECTED,
  },
  {
    name: 'a compare-and-set with <= for <',
    mutant: { ...LATCHKEY, supersedes: (row, token) => row.gen <= token.gen },
    breaks: 'P3',
  },
]

describe('every rule is needed: the model finds out', () => {
  for (const { name, mutant, breaks, message } of MUTANTS) {
    it(`${name} (${breaks})`, (t: TestContext) => {
      const violation = firstViolation(
        mutant,
        SEED,
        DEFAULT_SESSIONS,
        (finding) => finding.property === breaks && finding.message === (message ?? finding.message),
      )
      assert.ok(violation !== null, `nothing in ${DEFAULT_SESSIONS} sessions spoke against ${breaks}`)
      t.diagnostic(`session ${violation.session}: ${violation.message}`)
    })
  }
})

/** One session by hand: what is presented when (in seconds), on a network that does nothing of its own. */
function scene(protocol: Protocol) {
  const world = new World(new Random(SEED, 0), false)
  const lineage = new Lineage()
  const { row, token: first } = signIn('cookie', DAY)
  const store = new Store(world, lineage, { crashes: 0, clockStep: 0 }, protocol.supersedes, row)
  const server = new Server(world, store, lineage, protocol)
  const present = (at: number, token: Token): Answer => {
    const answers: Answer[] = []
    world.after(at * SECOND - world.now, () => server.refresh(token, 'cookie', 0, (answer) => answers.push(answer)))
    world.run()
    return answers[0] ?? assert.fail('no answer')
  }
  const exchange = (at: number, token: Token): Token => {
    const answer = present(at, token)
    return answer.status === 200 && answer.token !== null ? answer.token : assert.fail('no successor')
  }
  return { first, present, exchange }
}

const REUSED: Answer = { status: 401, code: 'reuse' }
const HELD: Answer = { status: 200, token: null }

describe('by hand', () => {
  it('P1: a lost answer, and later two tabs that wake at once: hold counted from the promotion would sign out', () => {
    const wake = (protocol: Protocol) => {
      const { first, present, exchange } = scene(protocol)
      exchange(0, first) // turns; its answer is lost, and the lid is closed
      const next = exchange(600, first) // both tabs send what is in the jar: one is answered at once
      present(600.4, next) // and its user clicks on
      return present(601, first) // the other's request took a second
    }
    assert.equal(wake(LATCHKEY).status, 200)
    assert.deepEqual(wake(HELD_FROM_PROMOTION), REUSED)
  })

  it('P1 rests on three round trips fitting into the hold, and no less will do', () => {
    const threeTabs = (roundTrip: number) => {
      const { first, present, exchange } = scene(LATCHKEY)
      const one = exchange(0, first) // reaches the jar a round trip later; just before that, another tab sends `first`
      const two = exchange(2 * roundTrip, first) // and this reaches the jar now; just before that, a tab sent `one`
      present(3 * roundTrip, one) // which took this long
      return present(3 * roundTrip + 0.4, two)
    }
    assert.deepEqual(threeTabs(19.6), HELD)
    assert.deepEqual(threeTabs(20), REUSED)
  })

  it('P1 rests on what a killed browser forgets fitting in as well', () => {
    const killed = (roundTrip: number) => {
      const { first, present, exchange } = scene(LATCHKEY)
      const one = exchange(0, first)
      const two = exchange(2 * roundTrip, first) // as above; half a minute later the browser sends `two`, is killed,
      present(3 * roundTrip + 30, one) // comes back with `one`, and sends that
      return present(3 * roundTrip + 30.1, two) // before the other request, which took a whole round trip, arrives
    }
    assert.deepEqual(killed(9.6), HELD)
    assert.deepEqual(killed(10), REUSED)
  })
})
