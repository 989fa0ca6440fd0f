import { expect, test } from 'vitest'
import type { AuditEntry } from '#audit/ports.ts'
import type { Session } from '#credentials/gate.ts'
import { createMetrics } from '#server/metrics.ts'
import { startMetricsListeners } from '#server/metrics-listener.ts'
import { startWorld } from '#test/world.ts'

const QUIET = { debug() {}, info() {}, warn() {}, error() {} }

const refusal: AuditEntry = {
  at: 0,
  action: 'login',
  outcome: 'refused',
  reason: 'expired',
  siteId: null,
  userId: null,
  userName: null,
  keyId: null,
  keyName: null,
  door: 'sftp',
  address: null,
  subject: '',
}

test('O4: live sessions, bytes, refused logins and the age of the feed are shown to Prometheus', async () => {
  await using world = await startWorld()
  const { login, value } = await world.issue()
  const at = { door: 'sftp', address: '127.0.0.1', siteId: null, client: '' } as const
  const result = await world.gate.login({ ...at, proof: { kind: 'password', login, password: value } })
  if (!result.ok) throw new Error('refused')
  const session: Session = world.gate.open(result.principal, at)
  session.activity.bytesIn = 1_000

  const metrics = createMetrics()
  metrics.observer.recorded([refusal])
  let live = [session]
  await using listeners = await startMetricsListeners([{ address: '127.0.0.1', port: 0 }], {
    scrape: () => metrics.scrape({ sessions: () => live, feedAge: () => 500, nativeCrypto: true }),
    contentType: metrics.contentType,
    log: QUIET,
  })
  const read = async () => (await fetch(`http://127.0.0.1:${listeners.ports[0]}/metrics`)).text()
  expect(await read()).toContain('latchkey_live_sessions{door="sftp"} 1')
  session.activity.bytesIn = 3_000
  metrics.observer.sessionEnded(session)
  live = []
  const text = await read()
  expect(text).toContain('latchkey_file_bytes_total{door="sftp",direction="in"} 3000')
  expect(text).toContain('latchkey_sessions_ended_total{door="sftp"} 1')
  expect(text).toContain('latchkey_logins_refused_total{door="sftp",reason="expired"} 1')
  expect(text).toContain('latchkey_change_feed_age_seconds 0.5')
  expect(text).toContain('process_resident_memory_bytes')
  expect(text).not.toContain('latchkey_live_sessions{')
  expect((await fetch(`http://127.0.0.1:${listeners.ports[0]}/`)).status).toBe(404)
})
