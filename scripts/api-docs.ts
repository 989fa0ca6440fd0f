// Writes docs/api.md from the API's own description: `npm run docs:api`.
import { writeFile } from 'node:fs/promises'
import { readApi } from '#protocols/rest/described.ts'
import { apiMarkdown } from '#protocols/rest/docs-markdown.ts'
import { startWorld } from '#test/world.ts'

await using world = await startWorld()
const { port } = await world.start('rest')
const response = await fetch(`http://127.0.0.1:${port}/api/openapi.json`)
await writeFile(new URL('../docs/api.md', import.meta.url), apiMarkdown(readApi(await response.json())))
