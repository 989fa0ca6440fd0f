import { runCli } from '#cli/run.ts'
import { type Office, openOffice } from '#test/identity/office.ts'

/** A command line on an office's records, with what it printed. */
export type Terminal = AsyncDisposable & {
  readonly office: Office
  /** Arguments that calls to `serve` got. */
  readonly served: string[][]
  /** Data folders that were opened, and how many of them are closed again. */
  readonly opened: string[]
  closed(): number
  run(...argv: string[]): Promise<{ code: number; out: string; err: string }>
  /** The JSON that a command prints with `--json`. */
  json(...argv: string[]): Promise<unknown>
}

export async function openTerminal(columns = 80): Promise<Terminal> {
  const office = await openOffice()
  const served: string[][] = []
  const opened: string[] = []
  let closed = 0

  async function run(...argv: string[]) {
    let out = ''
    let err = ''
    const code = await runCli(argv, {
      stdout: (text) => {
        out += text
      },
      stderr: (text) => {
        err += text
      },
      columns,
      async openBackstage(dataDir) {
        opened.push(dataDir)
        const close = async () => {
          closed += 1
        }
        return { identity: office.deps, dataDir: office.dir, [Symbol.asyncDispose]: close }
      },
      async serve(args) {
        served.push(args)
        return 7
      },
    })
    return { code, out, err }
  }

  return {
    office,
    served,
    opened,
    closed: () => closed,
    run,
    async json(...argv) {
      const { code, out, err } = await run(...argv, '--json')
      if (code !== 0) throw new Error(`exit ${code}: ${err}`)
      return JSON.parse(out)
    },
    [Symbol.asyncDispose]: () => office[Symbol.asyncDispose](),
  }
}
