import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { readApi } from '#protocols/rest/described.ts'
import { apiMarkdown } from '#protocols/rest/docs-markdown.ts'
import { startRest } from './client.ts'

test('docs/api.md says what the API is now: `npm run docs:api` writes it', async () => {
  await using rest = await startRest()
  const { json } = await rest.call('/api/openapi.json')
  const written = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8')
  expect(apiMarkdown(readApi(json))).toBe(written)
})
