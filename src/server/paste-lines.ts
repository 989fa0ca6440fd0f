import type { ClientLines, LinesWish } from '#protocols/console/visit.ts'
import type { Addresses } from './client-lines.ts'

/** What the lines need besides the key: where the doors are, as a client far away reaches them. */
export type PasteFacts = { readonly addresses: Addresses; readonly region: string }

type Line = { readonly key: LinesWish['key']; readonly path: string; readonly region: string }
type Door = ClientLines['door']
type Maker = (url: string, line: Line) => Omit<ClientLines, 'door'> | null

/** In the order in which they are shown. */
const MAKERS: readonly (readonly [Door, Maker])[] = [
  ['webdav', curl],
  ['sftp', sftp],
  ['webdav', rcloneWebdav],
  ['sftp', rcloneSftp],
  ['s3', rcloneS3],
  ['ftp', lftp],
  ['sftp', winscp],
  ['webdav', davfs2],
  ['s3', aws],
  ['rest', curlRest],
]

/** Lines to paste for each client that a door of the key serves. */
export function pasteLines({ addresses, region }: PasteFacts, wish: LinesWish): readonly ClientLines[] {
  const path = folderPath(wish.folder)
  return MAKERS.flatMap(([door, make]) => {
    const url = addresses[door]
    if (url === undefined || !wish.doors.includes(door)) return []
    const lines = make(url, { key: wish.key, path, region })
    return lines === null ? [] : [{ ...lines, door }]
  })
}

/** The doors as a browser's machine reaches them: at the host that it wrote, unless the configuration says. */
export function reachableFrom(host: string, listening: Addresses, told: Addresses): Addresses {
  const reachable = Object.entries(listening).map(([door, address]) => {
    const url = new URL(address)
    const name = host === '' ? url.hostname : host
    return [door, `${url.protocol}//${name}:${url.port}`]
  })
  return { ...Object.fromEntries(reachable), ...told }
}

/** As a URL's path, encoded, with a slash at its end. */
function folderPath(folder: string): string {
  const names = folder.split('/').filter((name) => name !== '')
  return `/${names.map((name) => `${encodeURIComponent(name)}/`).join('')}`
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function curl(url: string, { key, path }: Line) {
  const login = quoted(`${key.login}:${key.value}`)
  const file = quoted(`${url}${path}hello.txt`)
  return {
    client: 'curl',
    about: 'Uploads a file and downloads it again.',
    text: `echo hello > hello.txt\ncurl -u ${login} -T hello.txt ${file}\ncurl -u ${login} ${file}`,
  }
}

function curlRest(url: string, { key }: Line) {
  const header = quoted(`Authorization: Bearer ${key.value}`)
  return {
    client: 'curl',
    about: 'Says what the key is and may do.',
    text: `curl -H ${header} ${quoted(`${url}/api/test/api-key`)}`,
  }
}

function sftp(url: string, { key, path }: Line) {
  const { hostname, port } = new URL(url)
  return {
    client: 'sftp',
    about: 'Asks for the password: paste the value. Then “ls”, “get” and “put”.',
    text: `sftp -P ${port || 22} ${quoted(`${key.login}@${hostname}:${decodeURIComponent(path)}`)}`,
  }
}

function rclone(name: string, settings: readonly string[], path: string, client: string) {
  const remote = quoted(`${name}:${decodeURIComponent(path).replace(/^\//, '')}`)
  return {
    client,
    about: 'Makes a remote in rclone’s configuration and lists it.',
    text: `rclone config create ${name} ${settings.map(quoted).join(' ')} --obscure\nrclone lsf ${remote}`,
  }
}

function rcloneWebdav(url: string, { key, path }: Line) {
  const settings = ['webdav', `url=${url}`, 'vendor=other', `user=${key.login}`, `pass=${key.value}`]
  return rclone('latchkey', settings, path, 'rclone')
}

function rcloneSftp(url: string, { key, path }: Line) {
  const { hostname, port } = new URL(url)
  const place = [`host=${hostname}`, `port=${port || 22}`]
  const settings = ['sftp', ...place, `user=${key.login}`, `pass=${key.value}`, 'shell_type=none']
  // Absolute: a path without a slash starts in the user's home folder.
  const made = rclone('latchkey-sftp', settings, path, 'rclone')
  return { ...made, text: made.text.replace(/latchkey-sftp:(?=[^\n]*$)/, 'latchkey-sftp:/') }
}

function rcloneS3(url: string, { key, path, region }: Line) {
  if (key.accessKeyId === null) return null
  const pair = [`access_key_id=${key.accessKeyId}`, `secret_access_key=${key.secretAccessKey}`]
  const settings = ['s3', 'provider=Other', `endpoint=${url}`, `region=${region}`, ...pair]
  return rclone('latchkey-s3', settings, path, 'rclone')
}

function lftp(url: string, { key, path }: Line) {
  const login = quoted(`${key.login},${key.value}`)
  const command = quoted(`ls ${decodeURIComponent(path).replaceAll(' ', '\\ ')}; bye`)
  return {
    client: 'lftp',
    about: 'Lists the folder. Leave out “bye” to stay.',
    text: `lftp -u ${login} -e ${command} ${url}`,
  }
}

function winscp(url: string, { key, path }: Line) {
  const { hostname, port } = new URL(url)
  const login = `${encodeURIComponent(key.login)}:${encodeURIComponent(key.value)}`
  return {
    client: 'WinSCP',
    about: 'Paste it into “Host name” of a new session: WinSCP fills in the rest.',
    text: `sftp://${login}@${hostname}:${port || 22}${path}`,
  }
}

function davfs2(url: string, { key, path }: Line) {
  const place = `${url}${path}`
  const secret = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
  const line = `${place} ${secret(key.login)} ${secret(key.value)}`
  return {
    client: 'davfs2',
    about: 'Mounts the folder on Linux. The first line keeps the value where only root reads it.',
    text: `echo ${quoted(line)} | sudo tee -a /etc/davfs2/secrets > /dev/null\nsudo mkdir -p /mnt/latchkey\nsudo mount -t davfs -o uid=$(id -u) ${quoted(place)} /mnt/latchkey`,
  }
}

function aws(url: string, { key, path, region }: Line) {
  if (key.accessKeyId === null) return null
  const pair = `AWS_ACCESS_KEY_ID=${key.accessKeyId} AWS_SECRET_ACCESS_KEY=${key.secretAccessKey}`
  const place = path === '/' ? '' : ` ${quoted(`s3:/${decodeURIComponent(path)}`)}`
  return {
    client: 'aws',
    about: 'Top-level folders are buckets.',
    text: `export ${pair} AWS_DEFAULT_REGION=${region}\naws --endpoint-url ${url} s3 ls${place}`,
  }
}
