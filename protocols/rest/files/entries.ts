import type { FastifyRequest } from 'fastify'
import mime from 'mime-types'
import { Fault } from '#faults'
import type { ChangeOptions, Entry, Files } from '#files/types.ts'
import { isoTime, parseInstant } from '#identity/times.ts'
import { evaluateConditions, type Validators } from '#net/conditions.ts'
import { parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import { actorOf, sessionOf } from '../access.ts'

/**
 * The files of the request's session. No login reaches the files of another site, not even that of an
 * administrator from above (REQUIREMENTS.md, U4). Fault: forbidden.
 */
export function filesOf(request: FastifyRequest): Files {
  const { principal, files } = sessionOf(request)
  if (principal.kind !== 'guest' && actorOf(request).siteId !== principal.siteId) {
    throw new Fault('forbidden', 'files are reached with a login of their own site')
  }
  return files
}

/** An entry as answers show it. */
export function entryJson(entry: Entry) {
  const isFile = entry.kind === 'file'
  return {
    path: entry.path,
    name: entry.name,
    kind: entry.kind,
    size: entry.size,
    type: isFile ? contentType(entry.name) : null,
    modified_at: isoTime(Math.floor(entry.modified)),
    created_at: isoTime(Math.floor(entry.created)),
    etag: isFile ? `"${entry.version}"` : null,
  }
}

/** By the name's ending; what is inside is not looked at. */
export function contentType(name: string): string {
  return mime.contentType(name.slice(name.lastIndexOf('.'))) || 'application/octet-stream'
}

/** Folders have no ETag: what is in them changes without them. */
export function validatorsOf(entry: Entry): Validators {
  return { etag: entry.kind === 'file' ? `"${entry.version}"` : null, modified: entry.modified }
}

/** The entry, or null where there is none that this caller may see. */
export async function statOrNull(files: Files, path: VirtualPath): Promise<Entry | null> {
  try {
    return await files.stat(path)
  } catch (error) {
    if (error instanceof Fault && (error.code === 'not_found' || error.code === 'forbidden')) return null
    throw error
  }
}

/**
 * What a change of `current` must submit: lock tokens of the header Lock-Token, and the conditions that were found
 * to hold, to be checked again when the change takes effect. Fault `precondition` when they do not hold.
 */
export function changeOptions({ method, headers }: FastifyRequest, current: Entry | null): ChangeOptions {
  const validators = current === null ? null : validatorsOf(current)
  if (evaluateConditions(method, headers, validators) !== 'proceed') {
    throw new Fault('precondition', 'this is not in the state that was asked for')
  }
  const tokens = tokensOf(headers['lock-token'])
  if (current === null) {
    return headers['if-none-match']?.trim() === '*' ? { tokens, ifAbsent: true } : { tokens }
  }
  const match = headers['if-match']?.trim()
  const pinned = match === undefined ? headers['if-unmodified-since'] !== undefined : match !== '*'
  return pinned && current.kind === 'file' ? { tokens, ifVersion: current.version } : { tokens }
}

/** Lock tokens (RFC 4918 §10.5) with or without angle brackets, commas between them. */
export function tokensOf(header: string | string[] | undefined): readonly string[] {
  return [header ?? []]
    .flat()
    .flatMap((line) => line.split(','))
    .map((token) => token.trim().replace(/^<(.*)>$/, '$1'))
    .filter((token) => token !== '')
}

/** Makes the folders above a path that are missing. Faults: exists (a file is in the way), forbidden. */
export async function makeParents(files: Files, path: VirtualPath): Promise<void> {
  const missing: VirtualPath[] = []
  for (let folder = parentOf(path); folder !== ROOT; folder = parentOf(folder)) {
    if ((await statOrNull(files, folder)) !== null) break
    missing.unshift(folder)
  }
  for (const folder of missing) await files.mkdir(folder).catch(whenThere)
}

// Another request may have made it meanwhile; what a caller cannot see may be there too.
function whenThere(error: unknown): void {
  if (error instanceof Fault && error.code === 'exists') return
  throw error
}

/** A time that a client named; undefined stays undefined. Fault: invalid. */
export function readModified(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const at = parseInstant(text)
  if (at === null) throw new Fault('invalid', 'the modification time is an ISO 8601 time with a time zone')
  return at
}
