import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { toFault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import { checkPassword } from '#identity/password-rule.ts'
import { isTicketAlive, redeemTicket } from '#identity/tickets.ts'
import { clientAddress, type TrustedProxies } from '#net/proxy.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import { type App, logged } from '../app.ts'
import { donePage, PAGE_HEADERS, passwordPage, refusedPage } from '../page.ts'

const FORM = 'application/x-www-form-urlencoded'
const MAX_FORM_BYTES = 8 * 1024
const DEAD_LINK = 'This link was used already, is over, or never was.'

const FormSchema = Type.Object({ password: Type.String(), again: Type.String() })
const TicketSchema = Type.Object({ ticket: Type.String() })

/**
 * `/start/{ticket}`: the one-time link with which an administrator chooses a password. Only POST uses the
 * ticket up: mail scanners and previews open links.
 */
export function addStartRoutes(
  app: App,
  identity: IdentityDeps,
  { log, proxies }: { readonly log: DoorLog; readonly proxies: TrustedProxies },
): void {
  app.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: MAX_FORM_BYTES }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body.toString()))),
  )
  app.setErrorHandler((error, request, reply) => {
    const { status, message } = logged(log, error, request.id)
    const text = status < 500 ? `${message}.` : `Something failed here. The log has it as ${request.id}.`
    return sendPage(reply, status, refusedPage('That did not work', text))
  })
  const hidden = { hide: true, params: TicketSchema }
  app.get('/start/:ticket', { schema: hidden }, async (request, reply) => {
    // 43 random characters cannot be guessed, so a dead link may be told from a living one before it is used.
    const alive = await isTicketAlive(identity, request.params.ticket)
    if (!alive) return sendPage(reply, 404, refusedPage('This link does not work', DEAD_LINK))
    return sendPage(reply, 200, passwordPage(request.url, null))
  })
  app.post('/start/:ticket', { schema: { ...hidden, body: FormSchema } }, async (request, reply) => {
    const mistake = mistakeIn(request.body)
    if (mistake !== null) return sendPage(reply, 400, passwordPage(request.url, mistake))
    const input = { ticket: request.params.ticket, password: request.body.password }
    const at = { door: 'rest', address: clientAddress(request.raw, proxies) } as const
    const done = await redeemTicket(identity, input, at).catch(deadLink)
    if (done === null) return sendPage(reply, 404, refusedPage('This link does not work', DEAD_LINK))
    return sendPage(reply, 200, donePage(done))
  })
}

function mistakeIn({ password, again }: { password: string; again: string }): string | null {
  if (password !== again) return 'The two passwords are not the same.'
  try {
    checkPassword(password)
    return null
  } catch (error) {
    return `Not saved: ${toFault(error).message}.`
  }
}

function deadLink(error: unknown): null {
  if (toFault(error).code === 'not_found') return null
  throw error
}

function sendPage(reply: FastifyReply, status: number, html: string): FastifyReply {
  return reply.code(status).headers(PAGE_HEADERS).send(html)
}
