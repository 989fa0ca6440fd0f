import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import type { App } from '../app.ts'
import { HealthSchema, REFUSALS } from '../schemas.ts'

const REMEMBERED_MS = 1_000

/** `/health/live`: the process runs. `/health/ready`: it can read its records too. */
export function addHealthRoutes(app: App, identity: IdentityDeps): void {
  const readable = onceAWhile(identity)
  const tags = ['health']
  const live = { tags, summary: 'The process runs', response: { 200: HealthSchema } }
  app.get('/health/live', { schema: live }, async () => ({ status: 'ok' }))
  const ready = { tags, summary: 'Requests can be served', response: { 200: HealthSchema, ...REFUSALS } }
  app.get('/health/ready', { schema: ready }, async () => {
    if (!(await readable())) throw new Fault('unavailable', 'the records cannot be read')
    return { status: 'ok' }
  })
}

// Anybody may ask, so the database is asked at most once a second.
function onceAWhile({ store, clock }: IdentityDeps): () => Promise<boolean> {
  let known: Promise<boolean> | null = null
  let askedAt = 0
  return () => {
    const age = clock.now() - askedAt
    // Negative: the clock was put back.
    if (known === null || age < 0 || age >= REMEMBERED_MS) {
      askedAt = clock.now()
      known = store.sites().then(
        () => true,
        () => false,
      )
    }
    return known
  }
}
