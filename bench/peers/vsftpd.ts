import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import { freePort, untilListening } from './sshd.ts'

export type Vsftpd = Subject & {
  readonly port: number
  /** Folder for the work in its tree, and the real one behind it. */
  readonly folder: string
  readonly root: string
}

const READERS_AND_OWNER = 0o755
const EVERYBODY = 0o777

/**
 * Debian's vsftpd on a folder, for anonymous logins: they cost it least. It runs for them as a user of its own,
 * who has to reach the folder. Null when it is not installed, or when this is not root.
 */
export async function startVsftpd(
  { dir, missing }: BenchContext,
  tls: { readonly certificate: string; readonly key: string },
): Promise<Vsftpd | null> {
  const installed = await run('vsftpd', ['-v']).then(
    () => true,
    () => false,
  )
  if (!installed || process.getuid?.() !== 0) {
    missing('vsftpd', installed ? 'it has to be started by root' : 'vsftpd is not installed')
    return null
  }
  const own = await mkdtemp(join(dir, 'vsftpd-'))
  const root = join(own, 'files')
  await mkdir(join(root, 'bench'), { recursive: true })
  await mkdir('/var/run/vsftpd/empty', { recursive: true })
  for (const folder of [dir, own, root]) await chmod(folder, READERS_AND_OWNER)
  await chmod(join(root, 'bench'), EVERYBODY)
  const port = await freePort()
  const config = join(own, 'vsftpd.conf')
  await writeFile(config, settings({ port, root, ...tls }))
  const server = spawn('vsftpd', [config], { stdio: 'inherit' })
  await untilListening(port)
  return {
    name: 'vsftpd',
    pids: [server.pid ?? 0],
    port,
    folder: '/bench',
    root: join(root, 'bench'),
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}

function settings(at: { port: number; root: string; certificate: string; key: string }): string {
  return `listen=YES
listen_address=127.0.0.1
listen_port=${at.port}
background=NO
anonymous_enable=YES
no_anon_password=NO
anon_root=${at.root}
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
write_enable=YES
local_enable=NO
xferlog_enable=NO
max_per_ip=0
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=NO
force_anon_data_ssl=NO
require_ssl_reuse=NO
rsa_cert_file=${at.certificate}
rsa_private_key_file=${at.key}
ssl_ciphers=ECDHE-ECDSA-AES128-GCM-SHA256
secure_chroot_dir=/var/run/vsftpd/empty
`
}
