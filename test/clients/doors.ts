import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { obscure } from '#server/client-lines.ts'
import { type Result, type Running, start } from './run.ts'
import type { DemoFile } from './server.ts'

export type DoorKey = Pick<DemoFile, 'login' | 'value' | 'access_key_id' | 'secret_access_key'>
export type DoorUrls = Pick<DemoFile, 'webdav' | 's3' | 'sftp' | 'ftp' | 'region'>

/** A real program at one door. Folders and files are virtual paths such as `/demo/x`. */
export type Client = {
  readonly name: string
  readonly program: string
  readonly door: 'webdav' | 'sftp' | 'ftp' | 's3'
  /** Uploads a local folder's content into a folder that is not there yet; null: one file at a time only. */
  readonly putTree: ((local: string, remote: string) => Running) | null
  readonly getTree: ((remote: string, local: string) => Running) | null
  /** `rate`: bytes a second at most. */
  putFile(local: string, remote: string, rate?: number): Running
  getFile(remote: string, local: string, rate?: number): Running
}

/** Every real program of the matrix, with one key. `scratch` holds their configuration. */
export async function clientsFor(key: DoorKey, urls: DoorUrls, scratch: string): Promise<readonly Client[]> {
  await mkdir(scratch, { recursive: true })
  const rclone = join(scratch, 'rclone.conf')
  await writeFile(rclone, rcloneConfig(key, urls))
  return [
    curlWebdav(key, urls),
    rcloneAt('webdav', rclone),
    openssh(key, urls),
    rcloneAt('sftp', rclone),
    lftp(key, urls),
    curlFtp(key, urls),
    aws(key, urls, scratch),
    rcloneAt('s3', rclone),
  ]
}

function encode(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function curlWebdav({ login, value }: DoorKey, { webdav }: DoorUrls): Client {
  const curl = (args: string[], rate?: number) =>
    start('curl', [
      '-sS',
      '--fail',
      '-u',
      `${login}:${value}`,
      ...(rate ? ['--limit-rate', `${rate}`] : []),
      ...args,
    ])
  return {
    name: 'curl (WebDAV)',
    program: 'curl',
    door: 'webdav',
    putTree: null,
    getTree: null,
    putFile: (local, remote, rate) => curl(['-T', local, webdav + encode(remote)], rate),
    getFile: (remote, local, rate) => curl(['-o', local, webdav + encode(remote)], rate),
  }
}

function curlFtp({ login, value }: DoorKey, { ftp }: DoorUrls): Client {
  const curl = (args: string[], rate?: number) =>
    start('curl', ['-sS', '-u', `${login}:${value}`, ...(rate ? ['--limit-rate', `${rate}`] : []), ...args])
  return {
    name: 'curl (FTP)',
    program: 'curl',
    door: 'ftp',
    putTree: null,
    getTree: null,
    putFile: (local, remote, rate) => curl(['-T', local, ftp + encode(remote)], rate),
    getFile: (remote, local, rate) => curl(['-o', local, ftp + encode(remote)], rate),
  }
}

// Without preallocation the size on disk says how far a download got.
const ONCE = '--retries 1 --low-level-retries 1 --transfers 2 --checkers 2 --local-no-preallocate'.split(' ')

function rcloneAt(door: 'webdav' | 'sftp' | 's3', config: string): Client {
  const remote = (path: string) => `${door}:${door === 's3' ? path.slice(1) : path}`
  const rclone = (args: string[], rate?: number) =>
    start('rclone', ['--config', config, ...ONCE, ...(rate ? ['--bwlimit', `${rate}B`] : []), ...args])
  return {
    name: `rclone (${door})`,
    program: 'rclone',
    door,
    putTree: (local, path) => rclone(['copy', local, remote(path)]),
    getTree: (path, local) => rclone(['copy', remote(path), local]),
    putFile: (local, path, rate) => rclone(['copyto', local, remote(path)], rate),
    getFile: (path, local, rate) => rclone(['copyto', remote(path), local], rate),
  }
}

function rcloneConfig(key: DoorKey, { webdav, sftp, s3, region }: DoorUrls): string {
  const pass = obscure(key.value)
  const { hostname, port } = new URL(sftp)
  return `[webdav]
type = webdav
vendor = other
url = ${webdav}
user = ${key.login}
pass = ${pass}

[sftp]
type = sftp
host = ${hostname}
port = ${port}
user = ${key.login}
pass = ${pass}
shell_type = none

[s3]
type = s3
provider = Other
endpoint = ${s3}
region = ${region}
access_key_id = ${key.access_key_id}
secret_access_key = ${key.secret_access_key}
`
}

function openssh({ login, value }: DoorKey, { sftp }: DoorUrls): Client {
  const { hostname, port } = new URL(sftp)
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  const batch = (command: string, rate?: number) =>
    start(
      'sshpass',
      [
        '-e',
        'sftp',
        '-P',
        port,
        '-oStrictHostKeyChecking=no',
        '-oUserKnownHostsFile=/dev/null',
        '-oBatchMode=no',
        '-oNumberOfPasswordPrompts=1',
        ...(rate ? ['-l', `${Math.floor((rate * 8) / 1024)}`] : []),
        '-b',
        '-',
        `${login}@${hostname}`,
      ],
      { env: { SSHPASS: value }, input: `${command}\n` },
    )
  return {
    name: 'OpenSSH sftp',
    program: 'sshpass',
    door: 'sftp',
    putTree: (local, remote) => batch(`put -r ${quote(local)} ${quote(remote)}`),
    getTree: (remote, local) => batch(`get -r ${quote(remote)} ${quote(local)}`),
    putFile: (local, remote, rate) => batch(`put ${quote(local)} ${quote(remote)}`, rate),
    getFile: (remote, local, rate) => batch(`get ${quote(remote)} ${quote(local)}`, rate),
  }
}

function lftp({ login, value }: DoorKey, { ftp }: DoorUrls): Client {
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  const settings = 'set net:max-retries 1; set net:timeout 10; set cmd:fail-exit yes; set ftp:ssl-allow no'
  const command = (words: string, rate?: number) =>
    start('lftp', [
      '-u',
      `${login},${value}`,
      '-e',
      `${settings}; ${rate ? `set net:limit-rate ${rate};` : ''} ${words}; bye`,
      ftp,
    ])
  return {
    name: 'lftp',
    program: 'lftp',
    door: 'ftp',
    putTree: (local, remote) => command(`mirror -R --no-perms ${quote(local)} ${quote(remote)}`),
    getTree: (remote, local) => command(`mirror --no-perms ${quote(remote)} ${quote(local)}`),
    putFile: (local, remote, rate) => command(`put ${quote(local)} -o ${quote(remote)}`, rate),
    getFile: (remote, local, rate) => command(`get ${quote(remote)} -o ${quote(local)}`, rate),
  }
}

function aws(key: DoorKey, { s3, region }: DoorUrls, scratch: string): Client {
  const command = (args: string[], rate?: number): Running => {
    const config = join(scratch, `aws-${rate ?? 'free'}.conf`)
    const env = {
      AWS_ACCESS_KEY_ID: key.access_key_id,
      AWS_SECRET_ACCESS_KEY: key.secret_access_key,
      AWS_DEFAULT_REGION: region,
      AWS_CONFIG_FILE: config,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_MAX_ATTEMPTS: '1',
    }
    const settings = `[default]\ns3 =\n  ${rate ? `max_bandwidth = ${Math.floor(rate / 1024)}KB/s` : 'max_concurrent_requests = 4'}\n`
    const words = ['--endpoint-url', s3, 's3', ...args, '--only-show-errors']
    return start('sh', ['-c', 'printf "%s" "$0" > "$AWS_CONFIG_FILE"; exec aws "$@"', settings, ...words], {
      env,
    })
  }
  return {
    name: 'aws',
    program: 'aws',
    door: 's3',
    putTree: (local, remote) => command(['sync', local, `s3:/${remote}`]),
    getTree: (remote, local) => command(['sync', `s3:/${remote}`, local]),
    putFile: (local, remote, rate) => command(['cp', local, `s3:/${remote}`], rate),
    getFile: (remote, local, rate) => command(['cp', `s3:/${remote}`, local], rate),
  }
}

export function failed({ code }: Result): boolean {
  return code !== 0
}
