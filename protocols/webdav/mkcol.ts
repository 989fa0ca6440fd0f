import { hasBody } from '#net/body.ts'
import { type Call, changeOptions, isConditional, statOrNull } from './call.ts'
import { hrefOf } from './path.ts'
import { type Reply, textReply } from './reply.ts'

/** MKCOL (RFC 4918 §9.3). */
export async function mkcol(call: Call): Promise<Reply> {
  const { exchange, session, path } = call
  if (hasBody(exchange.request)) return textReply(415, 'MKCOL takes no body')
  const current = isConditional(call) ? await statOrNull(session.files, path) : null
  await session.files.mkdir(path, changeOptions(call, current))
  return { status: 201, headers: { Location: hrefOf(path, true) } }
}
