// Builds what is native against the headers of the Node that will run the server: ssh2's crypto and native/.
// ssh2's own install script would take those of the machine's Node, and then fall back to JavaScript (2 to 4 times
// slower) without a word. A failure here is loud, not fatal.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const objectWrap = fileURLToPath(new URL('native/object-wrap.h', import.meta.url))

/** Null, or what went wrong. */
function rebuild(source, args, flags = {}) {
  const headers = join(dirname(process.execPath), '..')
  if (!existsSync(join(headers, 'include/node/node.h'))) return `no headers beside ${process.execPath}`
  const gyp = process.env.npm_config_node_gyp
  if (!gyp) return 'npm did not say where its node-gyp is'
  const { status, stderr } = spawnSync(process.execPath, [gyp, 'rebuild', `--nodedir=${headers}`, ...args], {
    cwd: source,
    encoding: 'utf8',
    // A nodedir in the machine's npm configuration would win over the argument.
    env: { ...process.env, npm_config_nodedir: headers, ...flags },
  })
  return status === 0 ? null : stderr.split('\n').slice(-20).join('\n')
}

function buildCrypto() {
  const source = join(dirname(require.resolve('ssh2')), 'protocol/crypto')
  const [opensslMajor] = process.versions.openssl.split('.')
  const args = [`--real_openssl_major=${opensslMajor}`]
  const problem = rebuild(source, args, { CXXFLAGS: `-include "${objectWrap}"` })
  if (problem !== null) return problem
  const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js')
  return bindingAvailable ? null : 'it was built but does not load'
}

function buildTransmit() {
  const source = fileURLToPath(new URL('../native', import.meta.url))
  const problem = rebuild(source, [])
  if (problem !== null) return problem
  try {
    require(join(source, 'build/Release/transmit.node'))
    return null
  } catch (error) {
    return `it was built but does not load: ${error.message}`
  }
}

const crypto = buildCrypto()
if (crypto === null) console.log(`ssh2: native crypto built for Node ${process.version}`)
else console.warn(`ssh2: native crypto NOT built, SFTP will be 2 to 4 times slower: ${crypto}`)

// sendfile and splice are Linux's.
const transmit = process.platform === 'linux' ? buildTransmit() : null
if (transmit !== null) console.warn(`native/transmit NOT built, plain FTP will be slower: ${transmit}`)
