import type { ServerResponse } from 'node:http'

/** A short answer. Long ones are written to the response by their method. */
export type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: string
}

export const XML_TYPE = 'application/xml; charset=utf-8'
export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'

export function textReply(status: number, message: string, headers: Reply['headers'] = {}): Reply {
  return {
    status,
    headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8' },
    body: `${message}\n`,
  }
}

export function xmlReply(status: number, xml: string, headers: Reply['headers'] = {}): Reply {
  return { status, headers: { ...headers, 'Content-Type': XML_TYPE }, body: XML_HEAD + xml }
}

/** A refusal that names the condition of RFC 4918 §16 which did not hold. `element` uses the prefix `D`. */
export function conditionReply(status: number, element: string): Reply {
  return xmlReply(status, `<D:error xmlns:D="DAV:">${element}</D:error>`)
}

export function sendReply(response: ServerResponse, { status, headers = {}, body = '' }: Reply): void {
  const bodiless = status === 204 || status === 304
  response.writeHead(status, bodiless ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
