import swagger from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import type { App } from './app.ts'

const bare = (name: string) => ({ type: 'apiKey', in: 'header', name }) as const

/** The ways to present a key (REQUIREMENTS.md, D3), as routes refer to them. */
export const SECURITY = [
  { bearer: [] },
  { apiKey: [] },
  { customAuthKey: [] },
  { filesApiKey: [] },
  { xfApiKey: [] },
]

const TailSchema = Type.Object({
  path: Type.String({ description: 'Path of the file or folder; each name percent-encoded' }),
})

// The validator cannot take a property named `*`, so routes leave the rest of their address undescribed.
function nameTail(schema: FastifySchema, url: string) {
  return { schema: { ...schema, params: TailSchema }, url: `${url.slice(0, -1)}:path` }
}

/** Describes the routes that come after it, at `/api/openapi.json`. */
export async function describeApi(app: App): Promise<void> {
  await app.register(swagger, {
    transform: ({ schema, url }) => (url.endsWith('/*') ? nameTail(schema, url) : { schema, url }),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version: '1',
        description: 'One key opens every door to the same files. Here keys are managed.',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer <key value>' },
          apiKey: { type: 'http', scheme: 'apikey', description: 'Authorization: ApiKey <key value>' },
          customAuthKey: bare('X-Custom-Auth-Key'),
          filesApiKey: bare('X-FilesAPI-Key'),
          xfApiKey: bare('XF-Api-Key'),
        },
      },
    },
  })
  app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
