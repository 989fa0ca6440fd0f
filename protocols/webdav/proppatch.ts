import { Fault } from '#faults'
import type { DeadProperty, PropertyName } from '#files/types.ts'
import { parseHttpDate } from '#net/conditions.ts'
import { childElement, childElements, readXml, textOf, type XmlElement } from '#net/xml.ts'
import { keepXml } from '#net/xml-keep.ts'
import { type Call, changeOptions } from './call.ts'
import { MULTISTATUS_END, MULTISTATUS_START, propstat, responseElement } from './multistatus.ts'
import { hrefOf } from './path.ts'
import { keyOf, LIVE, MICROSOFT, propertyElement } from './props.ts'
import { type Reply, XML_TYPE } from './reply.ts'

/** Properties that set the modification time: their text to milliseconds, null when it is no time. */
const TIMES: ReadonlyMap<string, (text: string) => number | null> = new Map([
  ['{DAV:}getlastmodified', parseHttpDate],
  ['{DAV:}lastmodified', parseUnixSeconds],
  [`{${MICROSOFT}}Win32LastModifiedTime`, parseHttpDate],
])

/** `value` null: the property is to go. */
type Instruction = { readonly name: PropertyName; readonly value: Value | null }
type Value = { readonly text: string; readonly xml: string }

/** What is answered for one property, and what it changes. */
type Verdict = {
  readonly name: PropertyName
  readonly status: number
  readonly modified?: number
  readonly set?: DeadProperty
  readonly remove?: true
}

/**
 * PROPPATCH (RFC 4918 §9.2): keeps properties as they come, in the order given, and sets the modification time. All
 * or nothing: where one cannot be done, the others are answered 424.
 */
export async function proppatch(call: Call): Promise<Reply> {
  const { exchange, session, path } = call
  const instructions = readInstructions(await readXml(exchange.body))
  const entry = await session.files.stat(path)
  const options = changeOptions(call, entry)
  const verdicts = instructions.map(judge)
  const failed = verdicts.some(({ status }) => status !== 200)
  const full = !failed && !(await change(call, verdicts, options))
  const final = verdicts.map((verdict) => {
    if (verdict.status !== 200) return verdict
    if (full) return { ...verdict, status: verdict.set === undefined ? 424 : 507 }
    return failed ? { ...verdict, status: 424 } : verdict
  })
  const body = responseElement(hrefOf(path, entry.kind === 'folder'), propstats(final))
  return {
    status: 207,
    headers: { 'Content-Type': XML_TYPE },
    body: MULTISTATUS_START + body + MULTISTATUS_END,
  }
}

/** False when there is no room for the properties. */
async function change(
  { session, path }: Call,
  verdicts: readonly Verdict[],
  options: ReturnType<typeof changeOptions>,
): Promise<boolean> {
  const last = new Map(verdicts.map((verdict) => [keyOf(verdict.name), verdict]))
  const modified = verdicts.findLast((verdict) => verdict.modified !== undefined)?.modified
  const wanted = {
    set: [...last.values()].flatMap(({ set }) => set ?? []),
    remove: [...last.values()].flatMap(({ name, remove }) => (remove ? name : [])),
    ...(modified === undefined ? {} : { modified }),
  }
  try {
    await session.files.properties.change(path, wanted, options)
    return true
  } catch (error) {
    if (error instanceof Fault && error.code === 'quota') return false
    throw error
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
      const value = { text: textOf(element), xml: keepXml(element, [body, part, prop]) }
      instructions.push({ name: { uri, local }, value: part.local === 'set' ? value : null })
    }
  }
  if (instructions.length === 0) throw new Fault('invalid', 'propertyupdate changes nothing')
  return instructions
}

function judge({ name, value }: Instruction): Verdict {
  const key = keyOf(name)
  const parse = TIMES.get(key)
  if (value !== null && parse !== undefined) {
    const modified = parse(value.text)
    return modified === null ? { name, status: 409 } : { name, status: 200, modified }
  }
  const live = LIVE.get(key)
  if (live !== undefined && !live.settable) return { name, status: 403 }
  // Removing what is not there succeeds (§14.23).
  if (value === null) return { name, status: 200, remove: true }
  return { name, status: 200, set: { ...name, xml: value.xml } }
}

function propstats(verdicts: readonly Verdict[]): string {
  const withStatus = (status: number) => {
    const names = new Map(
      verdicts.filter((verdict) => verdict.status === status).map(({ name }) => [keyOf(name), name]),
    )
    return [...names.values()].map((name) => propertyElement(name, '')).join('')
  }
  return (
    propstat(200, withStatus(200)) +
    propstat(403, withStatus(403), '<D:error><D:cannot-modify-protected-property/></D:error>') +
    propstat(409, withStatus(409)) +
    propstat(424, withStatus(424)) +
    propstat(507, withStatus(507))
  )
}
