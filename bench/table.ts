import { cpus } from 'node:os'
import type { Row } from './rounds.ts'

/** The table of a run as Markdown: a line for each subject, the ratio to the best peer, and the aims. */
export function table(rows: readonly Row[]): string {
  const head = [
    '| workload | server | median | rounds | to best peer | aim | CPU s | peak MiB |',
    '|---|---|---:|---|---:|---|---:|---:|',
  ]
  return [...head, ...rows.map((row) => line(row, rows))].join('\n')
}

/** What the figures were made on. */
export function machine(): string {
  const [first] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  return `${day}, ${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, Node ${process.version}`
}

function line(row: Row, rows: readonly Row[]): string {
  const others = rows.filter(({ door, workload }) => door === row.door && workload === row.workload)
  const peers = others.filter(({ subject }) => !isLatchkey(subject))
  const best = Math.max(...peers.map(({ median }) => median))
  const ratio = isLatchkey(row.subject) && peers.length > 0 ? `${(row.median / best).toFixed(2)}×` : ''
  const cells = [
    `${row.door}: ${row.workload}`,
    row.subject,
    `${figure(row.median)} ${row.unit}`,
    row.rounds.map(figure).join(' '),
    ratio,
    row.subject === 'latchkey' ? aims(row, peers) : '',
    row.cpuSeconds.toFixed(2),
    row.peakMemory.toFixed(0),
  ]
  return `| ${cells.join(' | ')} |`
}

function aims(row: Row, peers: readonly Row[]): string {
  return Object.entries(row.aims)
    .flatMap(([name, aim]) => {
      const peer = peers.find(({ subject }) => subject === name)
      if (peer === undefined) return []
      const ratio = row.median / peer.median
      return [`${name} ≥ ${aim}: ${ratio.toFixed(2)} ${ratio >= aim ? 'met' : 'MISSED'}`]
    })
    .join(', ')
}

/** `latchkey`, or a variant of it such as `latchkey durable`. */
export function isLatchkey(subject: string): boolean {
  return subject.split(' ')[0] === 'latchkey'
}

export function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
