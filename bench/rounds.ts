import type { BenchOptions, Subject, Workload } from './bench.ts'
import { watchProcesses } from './processes.ts'

/** What one subject did at one workload. */
export type Row = {
  readonly door: string
  readonly workload: string
  readonly unit: string
  readonly subject: string
  /** One value a round, in their order. */
  readonly rounds: readonly number[]
  readonly median: number
  /** Of all processes of the server, in one round; median. */
  readonly cpuSeconds: number
  /** Highest anonymous memory of all processes of the server, MiB. */
  readonly peakMemory: number
  readonly aims: Readonly<Record<string, number>>
}

type Measured = { readonly value: number; readonly cpuSeconds: number; readonly peakMemory: number }

type Work<S extends Subject> = {
  readonly door: string
  readonly workload: Workload<S>
  readonly subjects: readonly S[]
  readonly options: BenchOptions
}

/** Gives each subject the work in turn, in another order each round, so that a slow minute hurts them alike. */
export async function measureRounds<S extends Subject>(work: Work<S>): Promise<Row[]> {
  const { door, workload, options } = work
  const subjects = work.subjects.filter(({ name }) => !workload.without?.includes(name))
  const measured = new Map<S, Measured[]>(subjects.map((subject) => [subject, []]))
  // Servers run for weeks: what they do once after their start (compile, fill caches) is not what is compared.
  for (const subject of subjects) await warmUp(workload, subject, options)
  for (let round = 0; round < options.rounds; round++) {
    const order = subjects.map((_, at) => subjects[(at + round) % subjects.length])
    for (const subject of order) {
      if (subject === undefined) continue
      const result = await measureOnce(workload, subject, options)
      measured.get(subject)?.push(result)
      progress(`${door}: ${workload.name}: ${subject.name}: ${result.value.toFixed(1)} ${workload.unit}`)
    }
  }
  return [...measured].map(([subject, results]) => ({
    door,
    workload: workload.name,
    unit: workload.unit,
    subject: subject.name,
    rounds: results.map(({ value }) => value),
    median: median(results.map(({ value }) => value)),
    cpuSeconds: median(results.map(({ cpuSeconds }) => cpuSeconds)),
    peakMemory: Math.max(...results.map(({ peakMemory }) => peakMemory)),
    aims: workload.aims ?? {},
  }))
}

async function warmUp<S extends Subject>(
  workload: Workload<S>,
  subject: S,
  options: BenchOptions,
): Promise<void> {
  const until = performance.now() + options.warmUpMs
  do await measureOnce(workload, subject, options)
  while (performance.now() < until)
}

async function measureOnce<S extends Subject>(
  workload: Workload<S>,
  subject: S,
  { size }: BenchOptions,
): Promise<Measured> {
  await workload.prepare?.(subject, size)
  const watch = await watchProcesses(subject.pids)
  try {
    const value = await workload.run(subject, size)
    return { value, ...(await watch.end()) }
  } finally {
    await watch.end()
  }
}

/** The middle value; of an even number the lower one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}
