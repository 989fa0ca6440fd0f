import { createCipheriv, randomBytes } from 'node:crypto'
import type { IssuedKey } from './issued-key.ts'

/** Where each door listens, as URLs without a trailing slash; absent when the door is off. */
export type Addresses = {
  readonly webdav?: string
  readonly s3?: string
  readonly rest?: string
  readonly sftp?: string
  readonly ftp?: string
}

/** Lines that work when pasted into a shell, made for one key. `folder` is a path that the key may write. */
export function clientLines(key: IssuedKey, addresses: Addresses, region: string, folder: string): string {
  const blocks = [
    curlLines(key, addresses, folder),
    sftpLines(key, addresses),
    lftpLines(key, addresses, folder),
    awsLines(key, addresses, region),
    rcloneLines(key, addresses, region),
  ]
  return blocks.filter((block) => block !== '').join('\n\n')
}

function curlLines({ login, value }: IssuedKey, { webdav }: Addresses, folder: string): string {
  if (webdav === undefined) return ''
  return `# curl (WebDAV): upload, then download
echo hello > hello.txt
curl -u '${login}:${value}' -T hello.txt ${webdav}${folder}hello.txt
curl -u '${login}:${value}' ${webdav}${folder}hello.txt`
}

function sftpLines({ login, value }: IssuedKey, { sftp }: Addresses): string {
  if (sftp === undefined) return ''
  const { hostname, port } = new URL(sftp)
  return `# sftp (when it asks for the password: ${value})
sftp -P ${port} '${login}@${hostname}'`
}

function lftpLines({ login, value }: IssuedKey, { ftp }: Addresses, folder: string): string {
  if (ftp === undefined) return ''
  return `# lftp (FTP)
lftp -u '${login},${value}' -e 'ls ${folder}; bye' ${ftp}`
}

function awsLines(key: IssuedKey, { s3 }: Addresses, region: string): string {
  if (s3 === undefined || key.accessKeyId === null) return ''
  return `# aws (S3): top-level folders are buckets
export AWS_ACCESS_KEY_ID=${key.accessKeyId} AWS_SECRET_ACCESS_KEY=${key.secretAccessKey} AWS_DEFAULT_REGION=${region}
aws --endpoint-url ${s3} s3 ls`
}

function rcloneLines(key: IssuedKey, { webdav, s3, sftp }: Addresses, region: string): string {
  const remotes: string[] = []
  const pass = obscure(key.value)
  if (webdav !== undefined) {
    remotes.push(
      `[latchkey]\ntype = webdav\nvendor = other\nurl = ${webdav}\nuser = ${key.login}\npass = ${pass}`,
    )
  }
  if (sftp !== undefined) {
    const { hostname, port } = new URL(sftp)
    remotes.push(
      `[latchkey-sftp]\ntype = sftp\nhost = ${hostname}\nport = ${port}\nuser = ${key.login}\npass = ${pass}\nshell_type = none`,
    )
  }
  if (s3 !== undefined && key.accessKeyId !== null) {
    remotes.push(
      `[latchkey-s3]\ntype = s3\nprovider = Other\nendpoint = ${s3}\nregion = ${region}\naccess_key_id = ${key.accessKeyId}\nsecret_access_key = ${key.secretAccessKey}`,
    )
  }
  if (remotes.length === 0) return ''
  return `# rclone: append to its configuration (\`rclone config file\` shows where), then e.g. \`rclone lsf latchkey:\`\n${remotes.join('\n\n')}`
}

// rclone's configuration holds passwords under this fixed, published key (rclone: fs/config/obscure).
const RCLONE_KEY = Buffer.from('9c935b48730a554d6bfd7c63c886a92bd390198eb8128afbf4de162b8b95f638', 'hex')

/** What \`rclone obscure\` makes of a password: AES-256-CTR, base64url of nonce and text. */
export function obscure(password: string): string {
  const nonce = randomBytes(16)
  const cipher = createCipheriv('aes-256-ctr', RCLONE_KEY, nonce)
  return Buffer.concat([nonce, cipher.update(password), cipher.final()]).toString('base64url')
}
