import { escapeAttribute, escapeText, type XmlElement } from './xml.ts'

const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'

/**
 * An element as text that stands alone, as RFC 4918 §4.3 wants property values kept: prefixes and declarations as
 * they came, and of what `around` it (the outermost first) the xml:lang and the declarations that it needs.
 */
export function keepXml(element: XmlElement, around: readonly XmlElement[]): string {
  // Maps: a prefix may be `__proto__` or `constructor`.
  const inherited = new Map(around.flatMap(({ declared }) => Object.entries(declared)))
  const lang = [...around, element].map(langOf).findLast((found) => found !== undefined)
  const inside = element.nodes.map(written).join('')
  const own = attributesOf(element)
  const declarations = new Map(Object.entries(element.declared))
  // A prefix may also stand in a value (a QName), where only its colon gives it away.
  const text = `${element.prefix}:${own}${inside}`
  for (const [prefix, uri] of inherited) {
    const isNeeded = prefix === '' ? uri !== '' : text.includes(`${prefix}:`)
    if (isNeeded && !declarations.has(prefix)) declarations.set(prefix, uri)
  }
  const language =
    lang === undefined || langOf(element) !== undefined ? '' : ` xml:lang="${escapeAttribute(lang)}"`
  return tagged(element, declarationsOf(declarations) + own + language, inside)
}

function langOf({ attributes }: XmlElement): string | undefined {
  return attributes.find(({ uri, local }) => uri === XML_NAMESPACE && local === 'lang')?.value
}

function written(node: XmlElement | string): string {
  if (typeof node === 'string') return escapeText(node)
  const inside = node.nodes.map(written).join('')
  return tagged(node, declarationsOf(Object.entries(node.declared)) + attributesOf(node), inside)
}

function tagged({ prefix, local }: XmlElement, attributes: string, inside: string): string {
  const name = prefix === '' ? local : `${prefix}:${local}`
  return inside === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inside}</${name}>`
}

function declarationsOf(declared: Iterable<readonly [prefix: string, uri: string]>): string {
  return [...declared]
    .filter(([prefix]) => prefix !== 'xml')
    .map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : ':'}${prefix}="${escapeAttribute(uri)}"`)
    .join('')
}

function attributesOf({ attributes }: XmlElement): string {
  return attributes
    .map(
      ({ prefix, local, value }) =>
        ` ${prefix}${prefix === '' ? '' : ':'}${local}="${escapeAttribute(value)}"`,
    )
    .join('')
}
