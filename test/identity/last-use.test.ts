import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { startWorld } from '../world.ts'

test('K10: a use over S3 is the last use of the access key pair, not of the value', async () => {
  await using world = await startWorld()
  const { id, accessKeyId, secretAccessKey } = await world.issue()
  const { port } = await world.start('s3')
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'local',
    credentials: { accessKeyId, secretAccessKey },
  })
  await client.send(new ListBucketsCommand({}))
  client.destroy()
  await world.core.lastUses.flush()
  const key = await world.identity.store.keyById(world.site.id, id)
  expect(key?.pairUse).toMatchObject({
    lastUsedAt: expect.any(Number),
    lastUsedAddress: '127.0.0.1',
    lastUsedDoor: 's3',
    lastUsedClient: expect.stringContaining('aws-sdk-js'),
  })
  expect(key?.values.map(({ lastUsedAt }) => lastUsedAt)).toEqual([null])
})
