import { type Aggregator, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { AuditEntry } from '#audit/ports.ts'
import type { Session } from '#credentials/gate.ts'

/** What the core tells of its work; see CoreOptions. */
export type CoreObserver = {
  /** These entries are in the audit now. */
  recorded(entries: readonly AuditEntry[]): void
  auditFailed(): void
  sessionEnded(session: Session): void
}

/** What is asked at each scrape. */
export type MetricSources = {
  readonly sessions: () => readonly Session[]
  /** Milliseconds since changes of credentials were read last. */
  readonly feedAge: () => number
  readonly nativeCrypto: boolean
}

export type Metrics = {
  readonly observer: CoreObserver
  /** All metrics in the text format of Prometheus. */
  scrape(sources: MetricSources): Promise<string>
  /** The same as prom-client adds them up with those of other processes. */
  read(sources: MetricSources): Promise<readonly object[]>
  readonly contentType: string
}

/** Metrics of one process. No label comes from a client: their number stays bounded. */
export function createMetrics(): Metrics {
  const register = new Registry()
  collectDefaultMetrics({ register })
  const own = ownMetrics(register)
  // Bytes of a session that the counter has already.
  const counted = new WeakMap<Session, { in: number; out: number }>()

  function countBytes(session: Session): void {
    const { door, activity } = session
    const before = counted.get(session) ?? { in: 0, out: 0 }
    counted.set(session, { in: activity.bytesIn, out: activity.bytesOut })
    // Most requests move bytes one way or none, and a counter costs more than to look.
    const moved = { in: activity.bytesIn - before.in, out: activity.bytesOut - before.out }
    if (moved.in > 0) own.bytes.inc({ door, direction: 'in' }, moved.in)
    if (moved.out > 0) own.bytes.inc({ door, direction: 'out' }, moved.out)
  }

  function look({ sessions, feedAge, nativeCrypto }: MetricSources): void {
    own.live.reset()
    for (const session of sessions()) {
      countBytes(session)
      own.live.inc({ door: session.door })
    }
    own.feedAge.set(feedAge() / 1_000)
    own.nativeCrypto.set(nativeCrypto ? 1 : 0)
  }

  return {
    contentType: register.contentType,
    observer: {
      recorded(entries) {
        for (const { action, outcome, door, reason } of entries) {
          own.entries.inc({ action, outcome, door: door ?? '' })
          if (action === 'login' && outcome === 'refused') own.refusals.inc({ door: door ?? '', reason })
        }
      },
      auditFailed: () => own.auditFailures.inc(),
      sessionEnded(session) {
        countBytes(session)
        own.sessions.inc({ door: session.door })
      },
    },
    async scrape(sources) {
      look(sources)
      return register.metrics()
    },
    async read(sources) {
      look(sources)
      return register.getMetricsAsJSON()
    },
  }
}

function ownMetrics(register: Registry) {
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers: [register] })
  // What several processes say together, see Metrics.read.
  const gauge = (
    name: string,
    help: string,
    { labelNames = [], aggregator = 'sum' }: { labelNames?: string[]; aggregator?: Aggregator } = {},
  ) => new Gauge({ name, help, labelNames, aggregator, registers: [register] })
  return {
    live: gauge('latchkey_live_sessions', 'Connections of SFTP and FTP and requests of HTTP doors now', {
      labelNames: ['door'],
    }),
    sessions: counter('latchkey_sessions_ended_total', 'Connections and requests that ended', ['door']),
    bytes: counter('latchkey_file_bytes_total', 'Bytes of files that went in and out', ['door', 'direction']),
    entries: counter('latchkey_audit_entries_total', 'Entries in the audit, by what was done', [
      'action',
      'outcome',
      'door',
    ]),
    refusals: counter('latchkey_logins_refused_total', 'Refused logins by their true reason', [
      'door',
      'reason',
    ]),
    auditFailures: counter('latchkey_audit_write_failures_total', 'Batches of the audit that failed'),
    feedAge: gauge('latchkey_change_feed_age_seconds', 'Since changes of credentials were read last', {
      aggregator: 'max',
    }),
    nativeCrypto: gauge('latchkey_ssh_native_crypto', '1 when SFTP is encrypted by the native module', {
      aggregator: 'min',
    }),
  }
}
