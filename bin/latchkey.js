#!/usr/bin/env node
// Runs src/main.ts with the pinned Node: the machine's own may be too old to run TypeScript.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = join(dirname(fileURLToPath(import.meta.url)), '../src/main.ts')
const [major] = process.versions.node.split('.').map(Number)

function pinnedNode() {
  const name = `node-${process.platform}-${process.arch}`
  try {
    const require = createRequire(import.meta.url)
    return join(dirname(require.resolve(`${name}/package.json`)), 'bin/node')
  } catch {
    return null
  }
}

const node = pinnedNode() ?? (major >= 24 ? process.execPath : null)
if (node === null) {
  console.error(`latchkey needs Node 24; this is ${process.version}, and no pinned Node was installed`)
  process.exit(1)
}

// Young garbage is collected sooner (MiB, as in `npm start`): otherwise a long listing leaves 50 MiB more behind.
const flags = ['--max-semi-space-size=8']
const child = spawn(node, [...flags, main, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
