import type { DemoFile } from '../clients/server.ts'
import type { World } from '../world.ts'

/** Starts every door of a world, and makes a key that may do everything: what a client has to know. */
export async function openDoors(world: World): Promise<DemoFile> {
  const key = await world.issue({ name: 'everything' })
  const at = async (door: 'webdav' | 's3' | 'rest' | 'sftp' | 'ftp', scheme = 'http') =>
    `${scheme}://127.0.0.1:${(await world.start(door)).port}`
  return {
    webdav: await at('webdav'),
    s3: await at('s3'),
    rest: await at('rest'),
    sftp: await at('sftp', 'sftp'),
    ftp: await at('ftp', 'ftp'),
    login: key.login,
    value: key.value,
    access_key_id: key.accessKeyId,
    secret_access_key: key.secretAccessKey,
    site_key: '',
    region: 'local',
  }
}
