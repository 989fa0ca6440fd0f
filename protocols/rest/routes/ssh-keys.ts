import { Type } from 'typebox'
import type { IdentityDeps } from '#identity/deps.ts'
import { sshKeyJson } from '#identity/json.ts'
import { addSshKey, listSshKeys, removeSshKey } from '#identity/ssh-keys.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { SECURITY } from '../openapi.ts'
import { IdSchema, SshKeyPageSchema, SshKeySchema } from '../people-schemas.ts'
import { REFUSALS } from '../schemas.ts'

const COMMON = { tags: ['users'], security: SECURITY }

const NewSshKeySchema = Type.Object(
  {
    public_key: Type.String({ maxLength: 16_384, description: 'The line of a public key file' }),
    name: Type.Optional(Type.String({ maxLength: 100, description: 'Default: the comment of the line' })),
  },
  { additionalProperties: false },
)
const SshKeyIdSchema = Type.Object({ ...IdSchema.properties, key: Type.String({ maxLength: 100 }) })

/** `/api/v1/users/:id/ssh-keys`: public keys that open the SFTP door for a user (REQUIREMENTS.md, D7). */
export function addSshKeyRoutes(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'The SSH keys of a user, by name',
    params: IdSchema,
    response: { 200: SshKeyPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/users/:id/ssh-keys', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const keys = await listSshKeys(identity, actor, siteId, request.params)
    return { ssh_keys: keys.map(sshKeyJson) }
  })
  const add = {
    ...COMMON,
    summary: 'Let a user log in at the SFTP door with an SSH key',
    params: IdSchema,
    body: NewSshKeySchema,
    response: { 201: SshKeySchema, ...REFUSALS },
  }
  app.post('/api/v1/users/:id/ssh-keys', { schema: add }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { public_key: publicKey, name } = request.body
    const key = await addSshKey(identity, actor, siteId, request.params, { publicKey, name })
    reply.code(201).header('Location', `/api/v1/users/${key.userId}/ssh-keys/${key.id}`)
    return sshKeyJson(key)
  })
  const remove = {
    ...COMMON,
    summary: 'Remove an SSH key; sessions that it opened are cut at once',
    params: SshKeyIdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/users/:id/ssh-keys/:key', { schema: remove }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { id, key } = request.params
    await removeSshKey(identity, actor, siteId, { id }, key)
    return reply.code(204).send(null)
  })
}
