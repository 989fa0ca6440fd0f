import { TextDecoder } from 'node:util'
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { Fault } from '#faults'

export type XmlAttribute = {
  readonly uri: string
  readonly local: string
  readonly prefix: string
  readonly value: string
}

/** An element with its namespace resolved. `nodes` are its elements and texts in their order. */
export type XmlElement = {
  /** Namespace name; empty for none. */
  readonly uri: string
  readonly local: string
  /** As it was written; empty for none. */
  readonly prefix: string
  /** Prefix to namespace name, of the declarations on this element itself. */
  readonly declared: Readonly<Record<string, string>>
  /** Without namespace declarations. */
  readonly attributes: readonly XmlAttribute[]
  readonly nodes: readonly (XmlElement | string)[]
}

export type XmlLimits = {
  readonly maxBytes: number
  readonly maxDepth: number
  /** Elements, attributes and texts together. */
  readonly maxNodes: number
  /** Characters of a prefixed name or a namespace name. */
  readonly maxName: number
}

export const DEFAULT_XML_LIMITS: XmlLimits = {
  maxBytes: 256 * 1024,
  maxDepth: 64,
  maxNodes: 5_000,
  maxName: 512,
}

/**
 * Reads an XML body (UTF-8, or UTF-16 with its mark) into a tree; null when it is empty. Memory and time are
 * bounded by the limits: beyond them Fault `too_large`. Any DOCTYPE, and what is not well-formed XML with
 * namespaces, is Fault `invalid`; no entity but the five of XML exists.
 */
export async function readXml(
  source: AsyncIterable<Uint8Array>,
  limits: Partial<XmlLimits> = {},
): Promise<XmlElement | null> {
  const all = { ...DEFAULT_XML_LIMITS, ...limits }
  const reader = treeReader(all)
  let decoder: TextDecoder | null = null
  let head: Uint8Array = new Uint8Array(0)
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > all.maxBytes) throw new Fault('too_large', 'XML body is too large')
    const known: Uint8Array = decoder === null ? Buffer.concat([head, chunk]) : chunk
    if (decoder === null && known.length < 2) {
      head = known
      continue
    }
    decoder ??= decoderFor(known)
    reader.write(decode(decoder, known, true))
  }
  if (bytes === 0) return null
  reader.write(decode(decoder ?? decoderFor(head), decoder === null ? head : new Uint8Array(0), false))
  return reader.end()
}

/** Reads a whole XML text; Faults as `readXml`. */
export function parseXml(text: string, limits: Partial<XmlLimits> = {}): XmlElement {
  const all = { ...DEFAULT_XML_LIMITS, ...limits }
  if (text.length > all.maxBytes) throw new Fault('too_large', 'XML body is too large')
  const reader = treeReader(all)
  reader.write(text)
  return reader.end()
}

function decoderFor(head: Uint8Array): TextDecoder {
  const [first, second] = head
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le', { fatal: true })
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be', { fatal: true })
  return new TextDecoder('utf-8', { fatal: true })
}

function decode(decoder: TextDecoder, chunk: Uint8Array, stream: boolean): string {
  try {
    return decoder.decode(chunk, { stream })
  } catch (error) {
    throw new Fault('invalid', 'XML body is not valid UTF-8 or UTF-16', { cause: error })
  }
}

type Open = XmlElement & { nodes: (XmlElement | string)[] }
type TreeReader = { write(text: string): void; end(): XmlElement }

function treeReader(limits: XmlLimits): TreeReader {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: Open[] = []
  let root: XmlElement | null = null
  let nodes = 0
  const count = (more: number) => {
    nodes += more
    if (nodes > limits.maxNodes) throw new Fault('too_large', 'XML body has too many nodes')
  }
  const addText = (text: string) => {
    const parent = open.at(-1)
    if (parent === undefined || text === '') return
    count(1)
    parent.nodes.push(text)
  }
  parser.on('doctype', () => {
    throw new Fault('invalid', 'XML body has a DOCTYPE')
  })
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && !/^(utf-?8|utf-?16(le|be)?|us-ascii)$/i.test(encoding)) {
      throw new Fault('invalid', 'XML body is neither UTF-8 nor UTF-16')
    }
  })
  // Counted as they come: a tag is only complete after all its attributes.
  parser.on('attribute', ({ name }) => {
    count(1)
    checkName(name, limits)
  })
  parser.on('opentag', (tag) => {
    count(1)
    if (open.length >= limits.maxDepth) throw new Fault('too_large', 'XML body is too deep')
    const element = elementOf(tag, limits)
    open.at(-1)?.nodes.push(element)
    root ??= element
    open.push(element)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  parser.on('text', addText)
  parser.on('cdata', addText)
  return {
    write: (text) => guard(() => parser.write(text)),
    end: () => {
      guard(() => parser.close())
      if (root === null) throw new Fault('invalid', 'XML body has no element')
      return root
    },
  }
}

function guard(step: () => unknown): void {
  try {
    step()
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('invalid', 'XML body is not well-formed', { cause: error })
  }
}

function elementOf(tag: SaxesTagNS, limits: XmlLimits): Open {
  checkName(tag.name, limits)
  checkName(tag.uri, limits)
  const attributes = Object.values(tag.attributes).filter((attribute) => !isDeclaration(attribute))
  return {
    uri: tag.uri,
    local: tag.local,
    prefix: tag.prefix,
    declared: tag.ns,
    attributes: attributes.map(({ uri, local, prefix, value }) => ({ uri, local, prefix, value })),
    nodes: [],
  }
}

function isDeclaration({ prefix, name }: SaxesAttributeNS): boolean {
  return prefix === 'xmlns' || name === 'xmlns'
}

function checkName(name: string, limits: XmlLimits): void {
  if (name.length > limits.maxName) throw new Fault('too_large', 'XML body has a name that is too long')
}

/** The elements in an element, without the texts between them. */
export function childElements(element: XmlElement): XmlElement[] {
  return element.nodes.filter((node) => typeof node !== 'string')
}

/** The first element of that name directly inside; undefined when there is none. */
export function childElement(element: XmlElement, uri: string, local: string): XmlElement | undefined {
  return childElements(element).find((child) => child.uri === uri && child.local === local)
}

/** The text directly inside an element, CDATA included. */
export function textOf(element: XmlElement): string {
  return element.nodes.filter((node) => typeof node === 'string').join('')
}

/** An element as XML that stands alone: each element declares its own namespace. */
export function serializeXml(element: XmlElement): string {
  const declarations = [` xmlns="${escapeAttribute(element.uri)}"`]
  const attributes = element.attributes.map(({ uri, local, value }, index) => {
    if (uri === '') return ` ${local}="${escapeAttribute(value)}"`
    if (uri === XML_NAMESPACE) return ` xml:${local}="${escapeAttribute(value)}"`
    declarations.push(` xmlns:a${index}="${escapeAttribute(uri)}"`)
    return ` a${index}:${local}="${escapeAttribute(value)}"`
  })
  const start = element.local + declarations.join('') + attributes.join('')
  if (element.nodes.length === 0) return `<${start}/>`
  const inside = element.nodes.map((node) =>
    typeof node === 'string' ? escapeText(node) : serializeXml(node),
  )
  return `<${start}>${inside.join('')}</${element.local}>`
}

const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'

const PLAIN = /^[ -%'-;=?-~\t\n]*$/
/** What XML 1.0 cannot hold, even as a reference. */
const UNHOLDABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g

/** Text for inside an element. Characters that XML cannot hold become U+FFFD. */
export function escapeText(text: string): string {
  if (PLAIN.test(text)) return text
  return holdable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;')
}

/** Text for inside a quoted attribute value, quotes and line breaks kept as they are by references. */
export function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')
}

function holdable(text: string): string {
  return text.toWellFormed().replace(UNHOLDABLE, '\ufffd')
}
