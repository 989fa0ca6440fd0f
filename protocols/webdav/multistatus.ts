import { escapeText } from '#net/xml.ts'
import { XML_HEAD } from './reply.ts'

export const MULTISTATUS_START = `${XML_HEAD}<D:multistatus xmlns:D="DAV:">`
export const MULTISTATUS_END = '</D:multistatus>\n'

const STATUS_LINE: ReadonlyMap<number, string> = new Map([
  [200, 'HTTP/1.1 200 OK'],
  [403, 'HTTP/1.1 403 Forbidden'],
  [404, 'HTTP/1.1 404 Not Found'],
  [409, 'HTTP/1.1 409 Conflict'],
  [424, 'HTTP/1.1 424 Failed Dependency'],
  [400, 'HTTP/1.1 400 Bad Request'],
  [503, 'HTTP/1.1 503 Service Unavailable'],
  [507, 'HTTP/1.1 507 Insufficient Storage'],
])

/** Properties that share a status; empty text for no properties. `more`: elements behind the status. */
export function propstat(status: number, properties: string, more = ''): string {
  if (properties === '') return ''
  return `<D:propstat><D:prop>${properties}</D:prop>${statusElement(status)}${more}</D:propstat>`
}

function statusElement(status: number): string {
  return `<D:status>${STATUS_LINE.get(status) ?? `HTTP/1.1 ${status} Status`}</D:status>`
}

/** Says that something failed for one resource; `href` is escaped for URLs. */
export function failedElement(href: string, status: number): string {
  return `<D:response><D:href>${escapeText(href)}</D:href>${statusElement(status)}</D:response>\n`
}

/** What is said of one resource; `href` is escaped for URLs. */
export function responseElement(href: string, propstats: string): string {
  return `<D:response><D:href>${escapeText(href)}</D:href>${propstats}</D:response>\n`
}
