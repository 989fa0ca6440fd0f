import type { IncomingHttpHeaders } from 'node:http'
import type { Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { ChangeOptions, Entry, Files } from '#files/types.ts'
import { evaluateConditions, type Validators } from '#net/conditions.ts'
import type { Exchange } from '#net/http-server.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { IfResult } from './if-header.ts'
import type { Reply } from './reply.ts'

/** One authenticated request, its target read and its If header evaluated. */
export type Call = {
  readonly exchange: Exchange
  readonly session: Session
  readonly path: VirtualPath
  readonly headers: IncomingHttpHeaders
  readonly submitted: IfResult
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** One method of the protocol. Null: it wrote the answer itself. */
export type Method = (call: Call) => Promise<Reply | null>

/** The header, if it came once. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Fault `invalid` for what RFC 4918 §10.2 does not know. */
export function depthOf(headers: IncomingHttpHeaders, fallback: '0' | 'infinity'): '0' | '1' | 'infinity' {
  const depth = headerOf(headers, 'depth')?.trim().toLowerCase() ?? fallback
  if (depth === '0' || depth === '1' || depth === 'infinity') return depth
  throw new Fault('invalid', 'Depth is none of 0, 1, infinity')
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

/** Folders have no ETag: what is in them changes without them. */
export function validatorsOf(entry: Entry): Validators {
  return { etag: entry.kind === 'file' ? `"${entry.version}"` : null, modified: entry.modified }
}

const CONDITIONAL = ['if-match', 'if-none-match', 'if-unmodified-since']

/** True when the outcome depends on what the target is now. */
export function isConditional({ headers }: Call): boolean {
  return CONDITIONAL.some((name) => headers[name] !== undefined)
}

/** Fault `precondition` unless the request's conditions hold for `current` (RFC 9110 §13.2.2). */
export function conditionsHold({ exchange, headers }: Call, current: Entry | null): void {
  const validators = current === null ? null : validatorsOf(current)
  if (evaluateConditions(exchange.request.method ?? '', headers, validators) === 'proceed') return
  throw new Fault('precondition', 'the resource is not in the state that was asked for')
}

/**
 * What a change of the request's own resource must submit: lock tokens, and the conditions that were found to hold
 * for `current`, to be checked again when the change takes effect. Fault `precondition` when they do not hold.
 */
export function changeOptions(call: Call, current: Entry | null): ChangeOptions {
  const { headers, submitted } = call
  conditionsHold(call, current)
  const tokens = submitted.tokens
  if (current === null)
    return headers['if-none-match']?.trim() === '*' ? { tokens, ifAbsent: true } : { tokens }
  const match = headers['if-match']
  const pinned =
    submitted.pinned ||
    (match !== undefined && match.trim() !== '*') ||
    (match === undefined && headers['if-unmodified-since'] !== undefined)
  return pinned && current.kind === 'file' ? { tokens, ifVersion: current.version } : { tokens }
}

/** Milliseconds of an X-OC-Mtime header (unix seconds); undefined when there is none or it is not understood. */
export function ocMtime(headers: IncomingHttpHeaders): number | undefined {
  const text = headerOf(headers, 'x-oc-mtime')?.trim()
  return text !== undefined && /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) * 1000 : undefined
}
