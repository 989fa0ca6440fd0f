import { readXml } from '#net/xml.ts'
import { type Call, conditionsHold, depthOf } from './call.ts'
import { MULTISTATUS_END, MULTISTATUS_START, responseElement } from './multistatus.ts'
import { escapeSegment, hrefOf } from './path.ts'
import { describer } from './propstats.ts'
import { conditionReply, type Reply, XML_TYPE } from './reply.ts'
import { textStream } from './text-stream.ts'
import { readWanted } from './wanted.ts'

/** PROPFIND (RFC 4918 §9.1) with Depth 0 or 1, streamed: memory does not grow with the folder. */
export async function propfind(call: Call): Promise<Reply | null> {
  const { exchange, session, path, headers } = call
  const depth = depthOf(headers, 'infinity')
  if (depth === 'infinity') return conditionReply(403, '<D:propfind-finite-depth/>')
  const wanted = readWanted(await readXml(exchange.body))
  const entry = await session.files.stat(path)
  conditionsHold(call, entry)
  const out = textStream(exchange.response, 207, { 'Content-Type': XML_TYPE })
  const { describe, gather } = await describer(call, wanted)
  const base = hrefOf(path, true)
  out.add(MULTISTATUS_START)
  const href = hrefOf(path, entry.kind === 'folder')
  out.add(responseElement(href, describe(entry, await gather([entry]))))
  if (depth === '1' && entry.kind === 'folder') {
    for await (const page of session.files.listAll(path)) {
      const facts = await gather(page)
      for (const member of page) {
        const at = `${base}${escapeSegment(member.name)}${member.kind === 'folder' ? '/' : ''}`
        out.add(responseElement(at, describe(member, facts)))
        if (out.isFull()) await out.flush()
      }
    }
  }
  out.add(MULTISTATUS_END)
  out.end()
  return null
}
