import { Fault } from '#faults'
import { parseHttpDate } from '#net/conditions.ts'
import { childElement, childElements, readXml, textOf, type XmlElement } from '#net/xml.ts'
import { type Call, changeOptions } from './call.ts'
import { MULTISTATUS_END, MULTISTATUS_START, propstat, responseElement } from './multistatus.ts'
import { hrefOf } from './path.ts'
import { keyOf, LIVE, type PropertyName, propertyElement } from './props.ts'
import { type Reply, XML_TYPE } from './reply.ts'

const MICROSOFT = 'urn:schemas-microsoft-com:'

/** Properties that set the modification time: their text to milliseconds, null when it is no time. */
const TIMES: ReadonlyMap<string, (text: string) => number | null> = new Map([
  ['{DAV:}getlastmodified', parseHttpDate],
  ['{DAV:}lastmodified', parseUnixSeconds],
  [`{${MICROSOFT}}Win32LastModifiedTime`, parseHttpDate],
])

type Instruction = { readonly name: PropertyName; readonly value: string | null }
/** What is answered for one property, and the time it sets. */
type Verdict = { readonly name: PropertyName; readonly status: number; readonly modified?: number }

/**
 * PROPPATCH (RFC 4918 §9.2): sets the modification time, and says yes to Explorer's Win32 properties. All or
 * nothing: where one cannot be done, the others are answered 424.
 */
export async function proppatch(call: Call): Promise<Reply> {
  const { exchange, session, path } = call
  const instructions = readInstructions(await readXml(exchange.body))
  const entry = await session.files.stat(path)
  const options = changeOptions(call, entry)
  await refuseIfLocked(call)
  const verdicts = instructions.map(judge)
  const failed = verdicts.some(({ status }) => status !== 200)
  const modified = verdicts.findLast((verdict) => verdict.modified !== undefined)?.modified
  if (!failed && modified !== undefined) await session.files.setModified(path, modified, options)
  const final = failed
    ? verdicts.map((verdict) => (verdict.status === 200 ? { ...verdict, status: 424 } : verdict))
    : verdicts
  const body = responseElement(hrefOf(path, entry.kind === 'folder'), propstats(final))
  return {
    status: 207,
    headers: { 'Content-Type': XML_TYPE },
    body: MULTISTATUS_START + body + MULTISTATUS_END,
  }
}

function parseUnixSeconds(text: string): number | null {
  return /^\s*\d{1,12}\s*$/.test(text) ? Number(text) * 1000 : null
}

function readInstructions(body: XmlElement | null): Instruction[] {
  if (body?.uri !== 'DAV:' || body.local !== 'propertyupdate') {
    throw new Fault('invalid', 'body is no propertyupdate')
  }
  const instructions: Instruction[] = []
  for (const part of childElements(body)) {
    if (part.uri !== 'DAV:' || (part.local !== 'set' && part.local !== 'remove')) continue
    const prop = childElement(part, 'DAV:', 'prop')
    if (prop === undefined) throw new Fault('invalid', 'set or remove without prop')
    for (const element of childElements(prop)) {
      const { uri, local } = element
      instructions.push({ name: { uri, local }, value: part.local === 'set' ? textOf(element) : null })
    }
  }
  if (instructions.length === 0) throw new Fault('invalid', 'propertyupdate changes nothing')
  return instructions
}

/** A lock binds properties too, also those that are not kept. */
async function refuseIfLocked({ session, path, submitted }: Call): Promise<void> {
  const locks = await session.files.locks.covering(path)
  if (locks.length > 0 && !locks.some(({ token }) => submitted.tokens.includes(token))) {
    throw new Fault('locked', 'the resource is locked')
  }
}

function judge({ name, value }: Instruction): Verdict {
  const key = keyOf(name)
  const parse = TIMES.get(key)
  if (value !== null && parse !== undefined) {
    const modified = parse(value)
    return modified === null ? { name, status: 409 } : { name, status: 200, modified }
  }
  if (name.uri === MICROSOFT && name.local.startsWith('Win32')) return { name, status: 200 }
  // Removing what is not there succeeds (§14.23).
  if (value === null && !LIVE.has(key)) return { name, status: 200 }
  return { name, status: 403 }
}

function propstats(verdicts: readonly Verdict[]): string {
  const withStatus = (status: number) =>
    verdicts
      .filter((verdict) => verdict.status === status)
      .map(({ name }) => propertyElement(name, ''))
      .join('')
  return (
    propstat(200, withStatus(200)) +
    propstat(403, withStatus(403), '<D:error><D:cannot-modify-protected-property/></D:error>') +
    propstat(409, withStatus(409)) +
    propstat(424, withStatus(424))
  )
}
