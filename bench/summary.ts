// Prints what runs with `--json` found: a line for each workload, with all rounds and the ratio to each peer.
//   node bench/summary.ts a.json b.json …
import { readFileSync } from 'node:fs'
import type { Row } from './rounds.ts'
import { figure, isLatchkey } from './table.ts'

type Run = {
  readonly machine: string
  readonly part: number
  readonly workers: number
  readonly rows: readonly Row[]
}

const runs: Run[] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')))
process.stdout.write(`${[...new Set(runs.map(({ machine }) => machine))].join('; ')}\n\n`)
process.stdout.write(
  '| workload | unit | Latchkey | peers | ratio of medians | aims |\n|---|---|---|---|---|---|\n',
)
for (const { rows: all, part, workers } of runs) {
  // JSON has no infinity: memory that did not grow.
  const rows = all.filter((row) => row.rounds.every(Number.isFinite))
  for (const row of rows.filter(({ subject }) => isLatchkey(subject)))
    process.stdout.write(line(row, rows, part, workers))
}

function line(row: Row, rows: readonly Row[], part: number, workers: number): string {
  const peers = rows.filter(
    ({ door, workload, subject }) => door === row.door && workload === row.workload && !isLatchkey(subject),
  )
  const ratios = peers.map(({ subject, median }) => `${subject} ${(row.median / median).toFixed(2)}`)
  const isPlain = row.subject === 'latchkey'
  const aims = isPlain ? Object.entries(row.aims).map(([peer, aim]) => `${peer} ≥ ${aim}`) : []
  const variant = isPlain ? '' : ` (${row.subject})`
  const share = part === 1 ? '' : `, 1/${part} of it`
  const crew = workers === 1 ? '' : `, ${workers} workers`
  const cells = [
    `${row.door}: ${row.workload}${share}${crew}${variant}`,
    row.unit,
    row.rounds.map(figure).join(' '),
    peers.map(({ subject, rounds }) => `${subject} ${rounds.map(figure).join(' ')}`).join(', '),
    ratios.join(', '),
    aims.join(', '),
  ]
  return `| ${cells.join(' | ')} |\n`
}
