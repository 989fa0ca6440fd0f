import { faultXml, nameFault } from './answer-fault.ts'
import { answerXml, type Call } from './call.ts'
import { errorAnswer } from './faults.ts'
import { XML_DECLARATION } from './markup.ts'

/**
 * Answers with a document when `work` is done. Meanwhile clients are kept waiting by the XML declaration and white
 * space, as S3 does; a fault after that stands in the body of a 200, which SDKs look for.
 */
export async function answerSlowly(call: Call, work: () => Promise<string>): Promise<void> {
  const { response } = call.exchange
  const timer = setInterval(() => {
    if (!response.headersSent)
      response.writeHead(200, { 'Content-Type': 'application/xml' }).write(XML_DECLARATION)
    else response.write(' ')
  }, call.keepWaiting)
  let xml: string
  try {
    xml = await work()
  } catch (error) {
    if (!response.headersSent) throw error
    xml = faultXml(call.exchange, errorAnswer(await nameFault(call, error)))
  } finally {
    clearInterval(timer)
  }
  if (response.headersSent) response.end(xml.slice(XML_DECLARATION.length))
  else answerXml(call, xml)
}
