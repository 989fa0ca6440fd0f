import { runCli } from '#cli/run.ts'
import { openBackstage } from '#server/backstage.ts'
import { serve } from '#server/serve.ts'

const code = await runCli(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  columns: process.stdout.columns ?? 80,
  openBackstage,
  serve,
})
process.exit(code)
