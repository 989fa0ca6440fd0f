import { childElements, escapeText, textOf, type XmlElement } from '#net/xml.ts'

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** `<name>text</name>` with the text escaped. */
export function element(name: string, text: string | number | boolean): string {
  return `<${name}>${escapeText(String(text))}</${name}>`
}

/** `<name>inner</name>`; `inner` is XML already. */
export function group(name: string, inner: string): string {
  return `<${name}>${inner}</${name}>`
}

/** A whole document. `namespace` empty leaves `xmlns` out, as S3 does for errors. */
export function xmlDocument(root: string, inner: string, namespace = NAMESPACE): string {
  const xmlns = namespace === '' ? '' : ` xmlns="${namespace}"`
  return `${XML_DECLARATION}<${root}${xmlns}>${inner}</${root}>`
}

/** The child elements of that name, whatever their namespace: clients differ. */
export function childrenNamed(parent: XmlElement, local: string): XmlElement[] {
  return childElements(parent).filter((child) => child.local === local)
}

/** The text of the first child element of that name. */
export function childText(parent: XmlElement, local: string): string | undefined {
  const [child] = childrenNamed(parent, local)
  return child === undefined ? undefined : textOf(child)
}
