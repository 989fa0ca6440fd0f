import { measureRounds, type Row } from './rounds.ts'

/** A running server under measurement. */
export type Subject = AsyncDisposable & {
  readonly name: string
  /** Process ids of the server; their descendants are counted too. */
  readonly pids: readonly number[]
}

/** How much work: `size(amount)` is that amount, or a sixteenth of it (at least one) with `--quick`. */
export type Size = (amount: number) => number

export type Workload<S extends Subject> = {
  readonly name: string
  /** Of what `run` answers; more is better. */
  readonly unit: string
  /** Subject's name → ratio that Latchkey aims at, in one run. */
  readonly aims?: Readonly<Record<string, number>>
  /** Names of subjects that cannot do this; default none. */
  readonly without?: readonly string[]
  /** Not timed; before each round. */
  prepare?(subject: S, size: Size): Promise<void>
  /** Does the work and times it. */
  run(subject: S, size: Size): Promise<number>
}

export type BenchContext = {
  /** A temporary folder for data and servers; removed at the end. */
  readonly dir: string
  readonly size: Size
  /** Says that a peer is left out, and why. */
  missing(peer: string, why: string): void
}

export type BenchOptions = BenchContext & {
  readonly rounds: number
  /** Milliseconds for which each server does a workload unmeasured, and at least once. */
  readonly warmUpMs: number
  wanted(title: string): boolean
}

export type Bench = { readonly door: string; run(options: BenchOptions): Promise<Row[]> }

type Definition<S extends Subject> = {
  readonly door: string
  /** Latchkey first; null for a peer that is not installed. */
  start(context: BenchContext): Promise<readonly (S | null)[]>
  readonly workloads: readonly Workload<S>[]
}

/** A door's subjects and workloads, ready to run. Rejects when a subject fails at its work. */
export function defineBench<S extends Subject>({ door, start, workloads }: Definition<S>): Bench {
  return {
    door,
    async run(options) {
      const wanted = workloads.filter(({ name }) => options.wanted(`${door}: ${name}`))
      if (wanted.length === 0) return []
      await using stack = new AsyncDisposableStack()
      const subjects = (await start(options)).filter((subject) => subject !== null)
      for (const subject of subjects) stack.use(subject)
      const rows: Row[] = []
      for (const workload of wanted) {
        rows.push(...(await measureRounds({ door, workload, subjects, options })))
      }
      return rows
    },
  }
}
