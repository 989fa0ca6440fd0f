// Builds ssh2's native crypto against the headers of the Node that will run the server.
// ssh2's own install script would take those of the machine's Node, and then fall back to
// JavaScript (2 to 4 times slower) without a word. A failure here is loud, not fatal.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const objectWrap = fileURLToPath(new URL('native/object-wrap.h', import.meta.url))

function build() {
  const headers = join(dirname(process.execPath), '..')
  if (!existsSync(join(headers, 'include/node/node.h'))) return `no headers beside ${process.execPath}`
  const source = join(dirname(require.resolve('ssh2')), 'protocol/crypto')
  const gyp = process.env.npm_config_node_gyp
  if (!gyp) return 'npm did not say where its node-gyp is'
  const [opensslMajor] = process.versions.openssl.split('.')
  const args = [gyp, 'rebuild', `--nodedir=${headers}`, `--real_openssl_major=${opensslMajor}`]
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: source,
    encoding: 'utf8',
    // A nodedir in the machine's npm configuration would win over the argument.
    env: { ...process.env, npm_config_nodedir: headers, CXXFLAGS: `-include "${objectWrap}"` },
  })
  if (status !== 0) return stderr.split('\n').slice(-20).join('\n')
  const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js')
  return bindingAvailable ? null : 'it was built but does not load'
}

const problem = build()
if (problem === null) console.log(`ssh2: native crypto built for Node ${process.version}`)
else console.warn(`ssh2: native crypto NOT built, SFTP will be 2 to 4 times slower: ${problem}`)
