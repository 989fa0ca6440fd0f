import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import { freePort, untilListening } from './sshd.ts'

export type Pyftpdlib = Subject & {
  readonly port: number
  readonly login: string
  readonly value: string
  readonly root: string
}

/** pyftpdlib's own command line server on a folder; null when Python's module is not installed. */
export async function startPyftpdlib(
  { dir, missing }: BenchContext,
  passivePorts: string,
): Promise<Pyftpdlib | null> {
  const python = await pythonWith('pyftpdlib')
  if (python === null) {
    missing('pyftpdlib', "Python's module pyftpdlib is not installed")
    return null
  }
  const root = join(await mkdtemp(join(dir, 'pyftpdlib-')), 'files')
  await mkdir(root)
  const port = await freePort()
  const [login, value] = ['bench', 'bench-value']
  const where = ['-i', '127.0.0.1', '-p', `${port}`, '-r', passivePorts, '-d', root]
  const server = spawn(python, ['-m', 'pyftpdlib', ...where, '-w', '-u', login, '-P', value], {
    stdio: 'ignore',
  })
  await untilListening(port)
  return {
    name: 'pyftpdlib',
    pids: [server.pid ?? 0],
    port,
    login,
    value,
    root,
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}

/** Another Python may stand before Debian's, whose modules it does not have. */
async function pythonWith(module: string): Promise<string | null> {
  for (const python of ['python3', '/usr/bin/python3']) {
    const tried = await run(python, ['-c', `import ${module}`]).catch(() => null)
    if (tried?.code === 0) return python
  }
  return null
}
