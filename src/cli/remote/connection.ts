import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import { Fault } from '#faults'
import { STATUS } from '#protocols/rest/faults.ts'

/** A request to the API of a server; `site`: the id of the site that it is about. */
export type Call = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly site?: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: object
}

/** The API of a server, with one key. Faults: those that it answers, and unavailable. */
export type Connection = {
  /** Fault `internal` when the answer does not fit. */
  json<Schema extends TSchema>(schema: Schema, path: string, call?: Call): Promise<Static<Schema>>
  /** For answers without content. */
  done(path: string, call: Call): Promise<void>
  lines(path: string, call: Call): AsyncIterable<string>
  /** Items of a list in the order of the server; `after`: the id of the last one of the page before. */
  page<Item>(
    list: List<Item>,
    place: { readonly after?: string | undefined; readonly limit?: number | undefined },
  ): Promise<Item[]>
}

/** A list that comes in pages; `read` takes a page's items and the cursor of the next one. */
export type List<Item> = {
  read(query: Readonly<Record<string, string | number>>): Promise<{
    readonly items: readonly Item[]
    readonly next: string | null
  }>
  idOf(item: Item): string
}

const PAGE = 1_000

/** `key`: a key's value, or `name:password` of an administrator. */
export function connect(url: string, key: string): Connection {
  const base = readUrl(url)
  const authorization = key.includes(':') ? `Basic ${Buffer.from(key).toString('base64')}` : `Bearer ${key}`
  const continuations = new Map<string, string | null>()

  async function send(path: string, { method = 'GET', site, query = {}, body }: Call): Promise<Response> {
    const address = new URL(`${base}${path}`)
    for (const [name, value] of Object.entries({ ...query, site })) {
      if (value !== undefined) address.searchParams.set(name, String(value))
    }
    const answer = await fetch(address, {
      method,
      redirect: 'error',
      headers: {
        authorization,
        'user-agent': 'latchkey command line',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw new Fault('unavailable', `${base} cannot be reached: ${reasonOf(error)}`, { cause: error })
    })
    if (!answer.ok) throw await faultOf(answer)
    return answer
  }

  return {
    async json(schema, path, call = {}) {
      const value: unknown = await (await send(path, call)).json()
      if (!Value.Check(schema, value))
        throw new Fault('internal', `${base} answers in another form than expected`)
      return value
    },
    async done(path, call) {
      await (await send(path, call)).arrayBuffer()
    },
    async *lines(path, call) {
      const { body } = await send(path, call)
      if (body === null) return
      let held = ''
      for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
        const parts = `${held}${chunk}`.split('\n')
        held = parts.pop() ?? ''
        yield* parts
      }
      if (held !== '') yield held
    },
    async page({ read, idOf }, { after, limit = Number.POSITIVE_INFINITY }) {
      let cursor: string | null = after === undefined ? '' : (continuations.get(after) ?? null)
      const found: Awaited<ReturnType<typeof read>>['items'][number][] = []
      while (cursor !== null && found.length < limit) {
        const wanted = Math.min(PAGE, limit - found.length)
        const { items, next } = await read({ limit: wanted, ...(cursor !== '' && { cursor }) })
        found.push(...items)
        cursor = next
      }
      const last = found.at(-1)
      if (last !== undefined) continuations.set(idOf(last), cursor)
      return found
    },
  }
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, '')
  throw new Fault(
    'invalid',
    `--url is the address of the REST door, such as https://files.example.org, not '${text}'`,
  )
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

const CODES = Object.keys(STATUS)

async function faultOf(answer: Response): Promise<Fault> {
  const value: unknown = await answer.json().catch(() => null)
  const { code, message } = errorIn(value)
  const known = isCode(code) ? code : 'internal'
  return new Fault(known, message ?? `the server answered ${answer.status}`)
}

function isCode(code: string | undefined): code is keyof typeof STATUS {
  return code !== undefined && CODES.includes(code)
}

function errorIn(value: unknown): { readonly code?: string; readonly message?: string } {
  if (typeof value !== 'object' || value === null || !('error' in value)) return {}
  const { error } = value
  if (typeof error !== 'object' || error === null || !('code' in error && 'message' in error)) return {}
  const details = 'details' in error ? detailsText(error.details) : ''
  return { code: String(error.code), message: `${String(error.message)}${details}` }
}

function detailsText(details: unknown): string {
  if (!Array.isArray(details)) return ''
  const texts = details.map((one: unknown) =>
    typeof one === 'object' && one !== null && 'field' in one && 'message' in one
      ? `${String(one.field)} ${String(one.message)}`
      : '',
  )
  return texts.filter(Boolean).length === 0 ? '' : ` (${texts.filter(Boolean).join('; ')})`
}
