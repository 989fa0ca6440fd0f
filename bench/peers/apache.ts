import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import { freePort, untilListening } from './sshd.ts'

const MODULES = '/usr/lib/apache2/modules'
const NAMES = ['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic']
const DAV_NAMES = ['dav', 'dav_fs', 'mime']

export type HttpPeer = Subject & {
  readonly port: number
  readonly login: string
  readonly value: string
  /** Real folder that it serves as `/`. */
  readonly root: string
}

/** Debian's Apache with mod_dav, Basic login from a password file (its default hash) and sendfile. */
export async function startApache({ dir, missing }: BenchContext): Promise<HttpPeer | null> {
  const needed = ['/usr/sbin/apache2', '/usr/bin/htpasswd', join(MODULES, 'mod_dav_fs.so')]
  const installed = await Promise.all(needed.map(exists))
  if (installed.includes(false) || process.getuid?.() !== 0) {
    missing('apache', 'needs apache2, apache2-utils and root')
    return null
  }
  const own = await mkdtemp(join(dir, 'apache-'))
  const root = join(own, 'files')
  await mkdir(root)
  // Its processes are not root's.
  await chmod(own, 0o777)
  await chmod(root, 0o777)
  const login = 'bench'
  const value = 'bench-value-of-ordinary-length'
  await run('htpasswd', ['-bc', join(own, 'passwords'), login, value])
  const port = await freePort()
  await writeFile(join(own, 'apache.conf'), configuration(own, root, port))
  const server = spawn('/usr/sbin/apache2', ['-f', join(own, 'apache.conf'), '-DFOREGROUND'], {
    stdio: 'ignore',
  })
  await untilListening(port)
  return {
    name: 'apache',
    pids: [server.pid ?? 0],
    port,
    login,
    value,
    root,
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}

function configuration(own: string, root: string, port: number): string {
  return [
    ...[...NAMES, ...DAV_NAMES].map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    `ServerRoot ${own}`,
    `ServerName localhost`,
    `Listen 127.0.0.1:${port}`,
    `PidFile ${own}/pid`,
    `ErrorLog ${own}/errors`,
    'LogLevel error',
    'TypesConfig /etc/mime.types',
    'User www-data',
    'Group www-data',
    'EnableSendfile On',
    'KeepAlive On',
    'MaxKeepAliveRequests 0',
    `DavLockDB ${own}/locks`,
    `DocumentRoot ${root}`,
    `<Directory ${root}>`,
    'Dav On',
    'AuthType Basic',
    'AuthName bench',
    `AuthUserFile ${own}/passwords`,
    'Require valid-user',
    '</Directory>',
    '',
  ].join('\n')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
