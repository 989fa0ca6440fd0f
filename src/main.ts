import { runCli } from '#cli/run.ts'
import { readSecret } from '#cli/stdin.ts'

// The server and its doors are loaded for `serve` alone: other commands start in a fraction of the time.
const code = await runCli(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  columns: process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY,
  remoteKey: process.env.LATCHKEY_KEY,
  stdin: () => readSecret(process.stdin, (text) => process.stderr.write(text)),
  openBackstage: async (dataDir) => (await import('#server/backstage.ts')).openBackstage(dataDir),
  serve: async (argv) => (await import('#server/serve.ts')).serve(argv),
})
process.exit(code)
