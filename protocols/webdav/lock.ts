import { Fault } from '#faults'
import type { Lock } from '#files/locks.ts'
import { childElement, childElements, readXml, serializeXml, type XmlElement } from '#net/xml.ts'
import { type Call, changeOptions, depthOf, headerOf, isConditional, statOrNull } from './call.ts'
import { hrefElement } from './faults.ts'
import { activeLock } from './props.ts'
import { conditionReply, type Reply, xmlReply } from './reply.ts'

const DEFAULT_SECONDS = 1_800
const MAX_SECONDS = 24 * 60 * 60
const MAX_OWNER_CHARACTERS = 4_096

/** LOCK (RFC 4918 §9.10): takes a lock, or without a body gives one new life. */
export async function lock(call: Call): Promise<Reply> {
  const depth = depthOf(call.headers, 'infinity')
  if (depth === '1') throw new Fault('invalid', 'LOCK has Depth 0 or infinity')
  const body = await readXml(call.exchange.body)
  return body === null ? refresh(call) : take(call, body, depth === 'infinity' ? 'tree' : 'entry')
}

async function take(call: Call, body: XmlElement, reach: Lock['reach']): Promise<Reply> {
  const { session, path, headers } = call
  const wanted = { reach, ...readLockInfo(body), seconds: secondsOf(headerOf(headers, 'timeout')) }
  if (isConditional(call)) changeOptions(call, await statOrNull(session.files, path))
  try {
    const { lock: taken, created } = await session.files.locks.take(path, wanted)
    return lockReply(call, created ? 201 : 200, taken, { 'Lock-Token': `<${taken.token}>` })
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'locked') throw error
    const [first] = await session.files.locks.covering(path)
    const at = hrefElement(first?.path ?? path)
    return conditionReply(423, `<D:no-conflicting-lock>${at}</D:no-conflicting-lock>`)
  }
}

async function refresh(call: Call): Promise<Reply> {
  const { session, path, headers, submitted } = call
  const [token] = submitted.tokens
  if (token === undefined || submitted.tokens.length > 1) {
    throw new Fault('invalid', 'LOCK without a body needs an If header with one lock token')
  }
  const seconds = secondsOf(headerOf(headers, 'timeout'))
  return lockReply(call, 200, await session.files.locks.refresh(path, token, seconds))
}

function lockReply(call: Call, status: number, lock: Lock, headers: Reply['headers'] = {}): Reply {
  const active = activeLock(lock, call.now())
  return xmlReply(
    status,
    `<D:prop xmlns:D="DAV:"><D:lockdiscovery>${active}</D:lockdiscovery></D:prop>\n`,
    headers,
  )
}

function readLockInfo(body: XmlElement): Pick<Lock, 'scope' | 'owner'> {
  if (body.uri !== 'DAV:' || body.local !== 'lockinfo') throw new Fault('invalid', 'body is no lockinfo')
  const type = only(childElement(body, 'DAV:', 'locktype'))
  const scope = only(childElement(body, 'DAV:', 'lockscope'))
  if (type !== 'write') throw new Fault('invalid', 'locktype is not write')
  if (scope !== 'exclusive' && scope !== 'shared') {
    throw new Fault('invalid', 'lockscope is neither exclusive nor shared')
  }
  const element = childElement(body, 'DAV:', 'owner')
  const owner = element === undefined ? '' : serializeXml(element)
  if (owner.length > MAX_OWNER_CHARACTERS) throw new Fault('too_large', 'lock owner is too long')
  return { scope, owner }
}

function only(element: XmlElement | undefined): string {
  const [first, ...more] = element === undefined ? [] : childElements(element)
  return first?.uri === 'DAV:' && more.length === 0 ? first.local : ''
}

/** The first time-out of a Timeout header that is understood, bounded. */
function secondsOf(header: string | undefined): number {
  for (const item of header?.split(',') ?? []) {
    const text = item.trim().toLowerCase()
    if (text === 'infinite') return MAX_SECONDS
    const seconds = /^second-(\d{1,10})$/.exec(text)?.[1]
    if (seconds !== undefined) return Math.min(Math.max(Number(seconds), 1), MAX_SECONDS)
  }
  return DEFAULT_SECONDS
}
