import type { Field, Operation, Section } from './described.ts'

const HEAD = `# API

Made by \`npm run docs:api\` from \`/api/openapi.json\`; a running server shows the same at \`/api/docs\`.

**Key.** Send it as \`Authorization: Bearer <value>\`, \`Authorization: ApiKey <value>\`, \`X-Custom-Auth-Key\`,
\`X-FilesAPI-Key\` or \`XF-Api-Key\`. A user's own name and password go as Basic, where the site allows that.

**Who may.** Managing takes a site key, or an administrator's with the scope \`admin\`. Files take the scope \`rest\`
and what the key's user may do. An administrator's own login (no key) may name a child site with \`?site=\`.

**Errors** have one shape: \`{"error": {"code", "message", "details", "request_id"}}\`. Codes: unauthenticated 401,
forbidden 403, not_found 404, exists, no_parent and not_empty 409, precondition 412, too_large 413, range 416,
locked 423, rate_limited 429, invalid 400, unsupported 501, unavailable 503, quota 507, internal 500.

**Lists** come in pages: \`limit\`, and \`cursor\` with the \`next_cursor\` of the page before; null ends.

**Changes that meet.** Reading one record answers with its \`ETag\`; sent back as \`If-Match\`, a change is refused with
412 when somebody else was faster. Files have the same.

**Sent twice.** A POST with an \`Idempotency-Key\` is done once: for ten minutes the same request gets the same answer
(with \`Idempotency-Replayed: true\`), for a day after that 409 with the \`Location\` of what it made. That of a guest counts for nothing.

**Rates.** \`RateLimit-Policy\` and \`RateLimit\` say what is left of the requests of a minute; 429 comes with
\`Retry-After\`. Files are not counted.

**Large files** that must survive a broken connection go to \`/api/v1/uploads\` by [tus 1.0](https://tus.io/protocols/resumable-upload)
(core, creation, creation-with-upload, termination, expiration). Nothing is visible before the last byte; an upload
ends with its key, after a day without bytes, and with the server process.
`

/** The API's description as a page of the documentation. */
export function apiMarkdown(sections: readonly Section[]): string {
  return `${HEAD}\n${sections.map(sectionText).join('\n')}`
}

function sectionText({ name, operations }: Section): string {
  return `## ${name[0]?.toUpperCase()}${name.slice(1)}\n\n${operations.map(operationText).join('\n')}`
}

function operationText(operation: Operation): string {
  const { method, path, summary, description, needsKey, parameters, body, answer } = operation
  const named = parameters.map((one) => ({ ...one, name: `${one.name} (${one.place})` }))
  const parts = [
    `### ${method} ${path}`,
    `${summary}.${description === '' ? '' : ` ${description}`}${needsKey ? '' : ' For anybody.'}`,
    listText('Parameters', named),
    listText('Body', body),
    answer.fields.length === 0
      ? `Answer: ${answer.status}.`
      : `Answer: ${answer.status} with ${answer.fields.map(({ name }) => `\`${name}\``).join(', ')}.`,
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function listText(title: string, fields: readonly Field[]): string {
  if (fields.length === 0) return ''
  const lines = fields.map(({ name, type, required, description }) => {
    const meaning = description === '' ? '' : `: ${description}`
    return `- \`${name}\` ${type.replaceAll('|', '\\|')}${required ? ', required' : ''}${meaning}`
  })
  return `${title}:\n${lines.join('\n')}`
}
