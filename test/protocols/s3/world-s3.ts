import { S3Client, type S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { type Wire, wireTo } from './wire.ts'

export type S3World = AsyncDisposable & {
  readonly world: World
  readonly key: WorldKey
  readonly port: number
  readonly url: string
  readonly client: S3Client
  /** Requests as they are, signed with the key where asked for. */
  readonly wire: Wire
  /** A client with another key or other settings. */
  clientOf(key: WorldKey, config?: S3ClientConfig): S3Client
}

/** A world with an S3 door, an administrator's key, and a client that uses it. */
export async function startS3World(): Promise<S3World> {
  const world = await startWorld()
  const key = await world.issue()
  const { port } = await world.start('s3')
  const url = `http://127.0.0.1:${port}`
  const clients: S3Client[] = []
  const clientOf = (used: WorldKey, config: S3ClientConfig = {}): S3Client => {
    const client = new S3Client({
      endpoint: url,
      region: 'local',
      maxAttempts: 1,
      credentials: { accessKeyId: used.accessKeyId, secretAccessKey: used.secretAccessKey },
      ...config,
    })
    clients.push(client)
    return client
  }
  return {
    world,
    key,
    port,
    url,
    client: clientOf(key),
    wire: wireTo(port, key),
    clientOf,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** The name of the error that a command fails with, or `ok`. */
export async function errorOf(sent: Promise<unknown>): Promise<string> {
  try {
    await sent
    return 'ok'
  } catch (error) {
    return error instanceof Error ? error.name : String(error)
  }
}

/** The HTTP status that a command fails with; 0 for anything else. */
export async function statusOf(sent: Promise<unknown>): Promise<number> {
  try {
    await sent
    return 0
  } catch (error) {
    return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0
  }
}
