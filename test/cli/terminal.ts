import { runCli } from '#cli/run.ts'
import { createForesee } from '#credentials/foresee.ts'
import type { Files } from '#files/types.ts'
import { openFilesOffice } from '#server/files-office.ts'
import { hostKeyOffice } from '#server/host-key-office.ts'
import { masterKeyOffice } from '#server/master-key-office.ts'
import { type Office, openOffice } from '#test/identity/office.ts'

/** A command line on an office's records, with what it printed. */
export type Terminal = AsyncDisposable & {
  readonly office: Office
  /** Arguments that calls to `serve` got. */
  readonly served: string[][]
  /** Data folders that were opened, and how many of them are closed again. */
  readonly opened: string[]
  closed(): number
  files(site: { readonly id: string; readonly name: string }): Files
  /** What commands read from standard input from now on. */
  type(text: string): void
  run(...argv: string[]): Promise<{ code: number; out: string; err: string }>
  /** The JSON that a command prints with `--json`. */
  json(...argv: string[]): Promise<unknown>
}

export async function openTerminal(columns = 80): Promise<Terminal> {
  const office = await openOffice()
  const service = openFilesOffice(office, office.clock)
  const foresee = createForesee({ store: office.records.credentials, files: service })
  const files = (site: { readonly id: string; readonly name: string }): Files =>
    service.openForOperator(site, new AbortController().signal)
  const served: string[][] = []
  const opened: string[] = []
  let closed = 0
  let input = ''

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
      stdin: async () => input,
      async openBackstage(dataDir) {
        opened.push(dataDir)
        const close = async () => {
          closed += 1
        }
        const { dir, records, sealer } = office
        const masterKeys = masterKeyOffice({ path: dir, records, sealer })
        const identity = { ...office.deps, foresee }
        const hostKeys = hostKeyOffice(dir)
        return {
          identity,
          files,
          masterKeys,
          hostKeys,
          backup: records.backup,
          dataDir: dir,
          [Symbol.asyncDispose]: close,
        }
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
    files,
    served,
    opened,
    closed: () => closed,
    type(text) {
      input = text
    },
    run,
    async json(...argv) {
      const { code, out, err } = await run(...argv, '--json')
      if (code !== 0) throw new Error(`exit ${code}: ${err}`)
      return JSON.parse(out)
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      await office[Symbol.asyncDispose]()
    },
  }
}
