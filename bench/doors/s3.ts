import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { succeed } from '../../test/clients/run.ts'
import { type BenchContext, defineBench, type Subject, type Workload } from '../bench.ts'
import { askManyS3, askS3 } from '../clients/s3-requests.ts'
import { type S3Access, type S3Ask, signed } from '../clients/s3-signed.ts'
import { randomFile } from '../data.ts'
import { startLatchkey } from '../latchkey.ts'
import { startRadosgw } from '../peers/radosgw.ts'
import { otherS3Servers } from '../peers/s3-servers.ts'
import { startS3rver } from '../peers/s3rver.ts'

type S3Subject = Subject & S3Access & { readonly local: string }

const MIB = 1024 ** 2
const BUCKET = '/bench'
const CONNECTIONS = 16
const LISTINGS = 3
const PARTS = 16
const AIMS = { radosgw: 1, s3rver: 1, minio: 1, versitygw: 1 }

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return (performance.now() - from) / 1000
}

/** One request by curl; `args` say what is sent or where the answer goes. */
async function curl(subject: S3Subject, ask: S3Ask, ...args: readonly string[]): Promise<string> {
  const { target, headers } = signed(subject, ask)
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const url = `http://${subject.host}:${subject.port}${target}`
  return succeed('curl', ['-sS', '--fail', '-H', 'Expect:', ...lines, ...args, url])
}

function bigFile({ local }: S3Subject): string {
  return join(local, 'big.bin')
}

const put: Workload<S3Subject> = {
  name: 'put 1 GiB',
  unit: 'MiB/s',
  aims: AIMS,
  async prepare(subject, size) {
    await randomFile(bigFile(subject), size(1024) * MIB)
  },
  async run(subject, size) {
    const ask = { method: 'PUT', path: `${BUCKET}/big.bin` }
    return size(1024) / (await timed(() => curl(subject, ask, '-T', bigFile(subject))))
  },
}

const get: Workload<S3Subject> = {
  name: 'get 1 GiB',
  unit: 'MiB/s',
  aims: AIMS,
  async prepare(subject, size) {
    await randomFile(bigFile(subject), size(1024) * MIB)
    await curl(subject, { method: 'PUT', path: `${BUCKET}/big.bin` }, '-T', bigFile(subject))
  },
  async run(subject, size) {
    const ask = { method: 'GET', path: `${BUCKET}/big.bin` }
    return size(1024) / (await timed(() => curl(subject, ask, '-o', '/dev/null')))
  },
}

const multipart: Workload<S3Subject> = {
  name: 'multipart 1 GiB, 4 parts at a time',
  unit: 'MiB/s',
  aims: AIMS,
  async prepare(subject, size) {
    await randomFile(join(subject.local, 'part.bin'), (size(1024) * MIB) / partsOf(size))
  },
  async run(subject, size) {
    return size(1024) / (await timed(() => uploadInParts(subject, partsOf(size))))
  },
}

/** Of 5 MiB or more, and whole MiB. */
function partsOf(size: (amount: number) => number): number {
  let parts = PARTS
  while (parts > 1 && (size(1024) / parts < 5 || size(1024) % parts > 0)) parts /= 2
  return parts
}

async function uploadInParts(subject: S3Subject, parts: number): Promise<void> {
  const path = `${BUCKET}/parts.bin`
  const { text } = await askS3(subject, { method: 'POST', path, query: { uploads: '' } })
  const uploadId = /<UploadId>(.*?)</.exec(text)?.[1] ?? ''
  const etags: string[] = []
  let next = 1
  const work = async () => {
    while (next <= parts) {
      const partNumber = next++
      const ask = { method: 'PUT', path, query: { partNumber: `${partNumber}`, uploadId } }
      const head = await curl(
        subject,
        ask,
        '-T',
        join(subject.local, 'part.bin'),
        '-D',
        '-',
        '-o',
        '/dev/null',
      )
      etags[partNumber - 1] = /^etag: *(\S+)/im.exec(head)?.[1] ?? ''
    }
  }
  await Promise.all([work(), work(), work(), work()])
  const named = etags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
  const xml = `<CompleteMultipartUpload>${named.join('')}</CompleteMultipartUpload>`
  const done = await askS3(subject, { method: 'POST', path, query: { uploadId } }, Buffer.from(xml))
  if (!done.text.includes('CompleteMultipartUploadResult')) throw new Error(done.text)
}

const SMALL = Buffer.alloc(4096, 'x')

function asksFor(method: string, folder: string, count: number): S3Ask[] {
  return Array.from({ length: count }, (_, at) => ({
    method,
    path: `${BUCKET}/${folder}/f${String(at).padStart(5, '0')}`,
  }))
}

const smallPuts: Workload<S3Subject> = {
  name: 'put 2,000 × 4 KiB, 16 at a time',
  unit: 'requests/s',
  aims: AIMS,
  async run(subject, size) {
    const asks = asksFor('PUT', 'small', size(2000))
    return asks.length / (await askManyS3(subject, asks, SMALL, CONNECTIONS))
  },
}

const smallGets: Workload<S3Subject> = {
  name: 'get 5,000 × 4 KiB, 16 at a time',
  unit: 'requests/s',
  aims: AIMS,
  async prepare(subject, size) {
    await askManyS3(subject, asksFor('PUT', 'small', size(2000)), SMALL, CONNECTIONS)
  },
  async run(subject, size) {
    const some = asksFor('GET', 'small', size(2000))
    const asks = Array.from({ length: size(5000) }, (_, at) => some[at % some.length]).filter((one) => !!one)
    return asks.length / (await askManyS3(subject, asks, null, CONNECTIONS))
  },
}

const filled = new WeakSet<S3Subject>()

const listing: Workload<S3Subject> = {
  name: 'list 10,000',
  unit: 'keys/s',
  aims: AIMS,
  // It answers 500 to a list of what it took from several connections.
  without: ['s3rver'],
  async prepare(subject, size) {
    if (filled.has(subject)) return
    filled.add(subject)
    await askManyS3(subject, asksFor('PUT', 'many', size(10_000)), Buffer.alloc(0), CONNECTIONS)
  },
  async run(subject, size) {
    let keys = 0
    const seconds = await timed(async () => {
      for (let round = 0; round < LISTINGS; round++) keys += await listAll(subject)
    })
    if (keys !== size(10_000) * LISTINGS) throw new Error(`${subject.name} listed ${keys} keys`)
    return keys / seconds
  },
}

async function listAll(subject: S3Subject): Promise<number> {
  let keys = 0
  let token: string | undefined
  do {
    const next = token === undefined ? {} : { 'continuation-token': token }
    const query = { 'list-type': '2', prefix: 'many/', ...next }
    const { text } = await askS3(subject, { method: 'GET', path: `${BUCKET}/`, query })
    keys += text.split('<Contents>').length - 1
    token = /<NextContinuationToken>(.*?)</.exec(text)?.[1]
  } while (token !== undefined)
  return keys
}

async function latchkey(context: BenchContext, local: string): Promise<S3Subject> {
  const server = await startLatchkey({ dir: context.dir })
  const { s3, access_key_id, secret_access_key, region } = server.demo
  return {
    ...server,
    host: '127.0.0.1',
    port: Number(new URL(s3).port),
    accessKeyId: access_key_id,
    secretAccessKey: secret_access_key,
    region,
    local,
  }
}

/** The S3 door beside Ceph's gateway in memory, s3rver, and what else of S3 servers is in PATH. */
export const s3Bench = defineBench<S3Subject>({
  door: 's3',
  async start(context) {
    const local = join(context.dir, 's3-clients')
    await mkdir(local)
    const started = [
      await startRadosgw(context),
      await startS3rver(context),
      ...(await otherS3Servers(context)),
    ]
    const peers = started.filter((peer) => peer !== null).map((peer) => ({ ...peer, local }))
    for (const peer of peers) {
      if (peer.name !== 's3rver') await askS3(peer, { method: 'PUT', path: BUCKET })
    }
    return [await latchkey(context, local), ...peers]
  },
  workloads: [get, put, multipart, smallGets, smallPuts, listing],
})
