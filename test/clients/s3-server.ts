import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { type Result, run, succeed } from './run.ts'
import { type Server, startServer } from './server.ts'
import { makeBigFile } from './trees.ts'

/** A server process, an administrator's access key pair, the bucket `box`, and a folder with files to upload. */
export type S3Server = AsyncDisposable & {
  readonly server: Server
  /** The admin API, with the site's key. */
  readonly api: Api
  /** A further key of the same user, with a pair of its own. */
  issue(name: string): Promise<Issued>
  readonly url: string
  readonly port: number
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Path in the folder for the clients. It holds `small` (20 bytes), `zero` and `big` (20 MiB). */
  local(...names: string[]): string
  /** Path behind the server's root. */
  real(...names: string[]): string
  /** What the aws programs, boto3, duplicity and others take from their environment. */
  readonly env: Readonly<Record<string, string>>
  readonly client: S3Client
  clientWith(config: S3ClientConfig): S3Client
}

/** Each of these characters was got wrong by some client or server. */
export const AWKWARD = "a b+ü&=?#%25'()!~$ \u{1f600}"
export const SMALL = 'twenty bytes of text'

/** The first `aws` of PATH may be the shim of a version manager; Debian's is then another version. */
export const DEBIAN_AWS = '/usr/bin/aws'

type Issued = { readonly id: string; readonly access_key_id: string; readonly secret_access_key: string }

/** `config`: the server's configuration file. */
export async function startS3Server(config?: string): Promise<S3Server> {
  const server = await startServer(config === undefined ? {} : { config })
  const api = apiOf(server)
  await api('POST', '/users', { name: 's3', role: 'administrator' })
  const issue = (name: string) =>
    api<Issued>('POST', '/keys', { name, user: 's3', s3: true, scopes: ['full'] })
  const key = await issue('s3')
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-s3-clients-'))
  const local = (...names: string[]) => join(dir, ...names)
  const real = (...names: string[]) => join(server.files, ...names)
  await mkdir(real('box'))
  await makeBigFile(local('big'), 20)
  await writeFile(local('small'), SMALL)
  await writeFile(local('zero'), '')
  const { s3: url } = server.demo
  const credentials = { accessKeyId: key.access_key_id, secretAccessKey: key.secret_access_key }
  const clients: S3Client[] = []
  const clientWith = (config: S3ClientConfig): S3Client => {
    const client = new S3Client({ endpoint: url, region: 'local', maxAttempts: 1, credentials, ...config })
    clients.push(client)
    return client
  }
  return {
    server,
    api,
    issue,
    url,
    port: Number(new URL(url).port),
    ...credentials,
    local,
    real,
    env: environment(credentials),
    client: clientWith({}),
    clientWith,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      await server[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

type Api = <Answer>(method: string, path: string, body?: object) => Promise<Answer>

function apiOf({ demo }: Server): Api {
  const headers = { authorization: `Bearer ${demo.site_key}`, 'content-type': 'application/json' }
  return async (method, path, body) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await fetch(`${demo.rest}/api/v1${path}`, { method, headers, ...sent })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return JSON.parse(await answer.text())
  }
}

function environment(key: { accessKeyId: string; secretAccessKey: string }): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_PAGER: '',
  }
}

/** `aws`, or Debian's path of it where that comes first in PATH. */
export function firstAws(): string {
  const folders = (process.env.PATH ?? '').split(':')
  const first = folders.map((folder) => join(folder, 'aws')).find(existsSync) ?? DEBIAN_AWS
  return first === DEBIAN_AWS ? DEBIAN_AWS : 'aws'
}

/** `aws` of one installation at this server; `done` fails the test when the command does. */
export function awsOf(s3: S3Server, program: string, more: Readonly<Record<string, string>> = {}) {
  const words = (args: readonly string[]) => ['--endpoint-url', s3.url, ...args]
  const env = { ...s3.env, ...more }
  return {
    run: (...args: string[]): Promise<Result> => run(program, words(args), { env }),
    done: (...args: string[]): Promise<string> => succeed(program, words(args), { env }),
  }
}

export async function same(a: string, b: string): Promise<boolean> {
  return (await readFile(a)).equals(await readFile(b))
}

/** What S3 gives an object of parts of this size as its ETag: the MD5 of their MD5s. */
export async function multipartEtag(file: string, partBytes: number): Promise<string> {
  const data = await readFile(file)
  const md5s: Buffer[] = []
  for (let at = 0; at < data.length; at += partBytes) {
    const part = data.subarray(at, at + partBytes)
    md5s.push(createHash('md5').update(part).digest())
  }
  return `"${createHash('md5').update(Buffer.concat(md5s)).digest('hex')}-${md5s.length}"`
}
