import type { Gate, People, Session } from '#credentials/gate.ts'
import type { Actor } from '#identity/actor.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import type { SiteDetails } from '#identity/ports.ts'
import type { Exchange } from '#net/http-server.ts'
import type { TrustedProxies } from '#net/proxy.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import type { Assets } from './assets.ts'

/** A client's lines to paste, made for one key. `about`: what they do, in a sentence. */
export type ClientLines = {
  readonly client: string
  readonly door: DoorName
  readonly about: string
  readonly text: string
}

/** What the lines are made for. `host`: as the browser wrote it, without port. */
export type LinesWish = {
  readonly key: {
    readonly login: string
    readonly value: string
    readonly accessKeyId: string | null
    readonly secretAccessKey: string | null
  }
  readonly host: string
  readonly doors: readonly DoorName[]
  /** A folder that the key reaches, as virtual path. */
  readonly folder: string
}

export type ConsoleDeps = {
  readonly gate: Gate
  readonly people: People
  readonly identity: IdentityDeps
  readonly log: DoorLog
  readonly proxies: TrustedProxies
  /** The listener's site; null: the host name says, or the login. */
  readonly siteId: string | null
  readonly lines: (wish: LinesWish) => readonly ClientLines[]
  readonly assets: Assets
}

/** One request, before anything is known of who sent it. */
export type Visit = {
  readonly deps: ConsoleDeps
  readonly exchange: Exchange
  readonly method: string
  /** Below `/console`, decoded by segment; `/` for the start. */
  readonly path: string
  readonly query: URLSearchParams
  /** Of a POST; empty otherwise. */
  readonly form: URLSearchParams
  /** What the route's pattern names. */
  readonly params: ReadonlyMap<string, string>
  readonly address: string
  readonly client: string
  /** The request's site; null where neither listener nor host name say one. */
  readonly siteId: string | null
  /** The browser speaks HTTPS, with us or with a trusted proxy. */
  readonly secure: boolean
  /** As the browser wrote it, with its port. */
  readonly host: string
  /** Set-Cookie lines of the answer. */
  readonly cookies: string[]
}

/** A request of somebody who is logged in. */
export type PersonVisit = Visit & {
  readonly session: Session
  readonly actor: Extract<Actor, { kind: 'principal' }>
  readonly userName: string
  readonly browserId: string
  readonly csrf: string
  /** The site that the page is about: the person's own, or one below it. */
  readonly site: SiteDetails
  /** The page is about another site than the person's own. */
  readonly isBelow: boolean
  /** What the person may use. */
  readonly isAdministrator: boolean
  readonly mayKeys: boolean
}

/** An answer that is not streamed. */
export type Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

const PREFIX = '/console'

/** An address of the console that stays at the site that the visit is about. */
export function to(visit: Visit | PersonVisit, path: string): string {
  const at = 'isBelow' in visit && visit.isBelow ? `/at/${visit.site.id}` : ''
  return `${PREFIX}${at}${path === '/' && at === '' ? '' : path}`
}

/** Goes on with GET (RFC 9110 §15.4.4). `done` names a sentence that is shown there. */
export function redirect(place: string, done?: string): Answer {
  const location = done === undefined ? place : `${place}${place.includes('?') ? '&' : '?'}done=${done}`
  return { status: 303, headers: { Location: location } }
}

/** What the pattern names so; empty when it does not. */
export function param(visit: Visit, name: string): string {
  return visit.params.get(name) ?? ''
}

/** A field of the form without spaces around it; empty when it is missing. */
export function field(visit: Visit, name: string): string {
  return (visit.form.get(name) ?? '').trim()
}

export function nowOf({ deps }: Visit): number {
  return deps.identity.clock.now()
}
