import mime from 'mime-types'
import type { Lock } from '#files/locks.ts'
import type { DeadProperty, Entry, PropertyName, Space } from '#files/types.ts'
import { httpDate, isoSeconds } from '#net/dates.ts'
import { escapeAttribute, escapeText } from '#net/xml.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { hrefOf } from './path.ts'

/** What properties are made of besides their entry. */
export type Facts = {
  readonly locks: ReadonlyMap<VirtualPath, readonly Lock[]>
  readonly dead: ReadonlyMap<VirtualPath, readonly DeadProperty[]>
  readonly space: Space | null
  readonly now: number
}

export type LiveProperty = {
  /** Text or elements for inside the property (prefix `D`); null where the entry has no such property. */
  render(entry: Entry, facts: Facts): string | null
  /** Given when nothing was named. The others cost a look-up or bytes that few clients use. */
  readonly inAllprop: boolean
  readonly needs?: 'locks' | 'space'
  /** A client may set it, and then what it set is given. */
  readonly settable?: boolean
}

/** The namespace of what Explorer sets. */
export const MICROSOFT = 'urn:schemas-microsoft-com:'

const UNKNOWN_TYPE = 'application/octet-stream'

const always = { inAllprop: true }
const named = { inAllprop: false }

/** Live properties by `keyOf`. */
export const LIVE: ReadonlyMap<string, LiveProperty> = new Map([
  dav('resourcetype', { ...always, render: ({ kind }) => (kind === 'folder' ? '<D:collection/>' : '') }),
  dav('getcontentlength', { ...always, render: ({ kind, size }) => (kind === 'file' ? String(size) : null) }),
  dav('getlastmodified', { ...always, render: ({ modified }) => httpDate(modified) }),
  dav('getetag', { ...always, render: ({ kind, version }) => (kind === 'file' ? `"${version}"` : null) }),
  dav('getcontenttype', {
    ...always,
    render: ({ kind, name }) => (kind === 'file' ? escapeText(contentType(name)) : null),
  }),
  dav('creationdate', { ...always, render: ({ created }) => isoSeconds(created) }),
  dav('displayname', { ...named, settable: true, render: ({ name }) => escapeText(name) }),
  [
    keyOf({ uri: MICROSOFT, local: 'Win32LastModifiedTime' }),
    { ...named, render: ({ modified }: Entry) => httpDate(modified) },
  ],
  dav('supportedlock', { ...named, render: () => SUPPORTED_LOCK }),
  dav('lockdiscovery', { ...named, needs: 'locks', render: lockDiscovery }),
  dav(
    'quota-available-bytes',
    quota(({ available }) => available),
  ),
  dav(
    'quota-used-bytes',
    quota(({ used }) => used),
  ),
  // What Finder asked for before RFC 4331.
  dav(
    'quota',
    quota(({ total }) => total),
  ),
  dav(
    'quotaused',
    quota(({ used }) => used),
  ),
])

function dav(local: string, property: LiveProperty): [string, LiveProperty] {
  return [keyOf({ uri: 'DAV:', local }), property]
}

function quota(pick: (space: Space) => number): LiveProperty {
  return {
    ...named,
    needs: 'space',
    render: ({ kind }, { space }) => (kind === 'folder' && space !== null ? String(pick(space)) : null),
  }
}

/** A property's name in one text, as James Clark writes it. */
export function keyOf({ uri, local }: PropertyName): string {
  return `{${uri}}${local}`
}

const MOST_TYPES = 1_000
const types = new Map<string, string>()

/** The type of a file by the ending of its name. */
export function contentType(name: string): string {
  const dot = name.lastIndexOf('.')
  if (dot < 0) return UNKNOWN_TYPE
  const ending = name.slice(dot)
  const known = types.get(ending)
  if (known !== undefined) return known
  // Endings are whatever clients say.
  if (types.size >= MOST_TYPES) types.clear()
  const type = mime.contentType(ending) || UNKNOWN_TYPE
  types.set(ending, type)
  return type
}

const SUPPORTED_LOCK = ['exclusive', 'shared']
  .map(
    (scope) =>
      `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`,
  )
  .join('')

function lockDiscovery({ path }: Entry, { locks, now }: Facts): string {
  return (locks.get(path) ?? []).map((lock) => activeLock(lock, now)).join('')
}

/** The `activelock` element of a lock (RFC 4918 §14.1). */
export function activeLock(lock: Lock, now: number): string {
  const seconds = Math.max(0, Math.round((lock.expiresAt - now) / 1000))
  return (
    `<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:${lock.scope}/></D:lockscope>` +
    `<D:depth>${lock.reach === 'tree' ? 'infinity' : '0'}</D:depth>${lock.owner}` +
    `<D:timeout>Second-${seconds}</D:timeout><D:locktoken><D:href>${escapeText(lock.token)}</D:href></D:locktoken>` +
    `<D:lockroot><D:href>${escapeText(hrefOf(lock.path, false))}</D:href></D:lockroot></D:activelock>`
  )
}

/** A property with this inside, `''` for none. */
export function propertyElement({ uri, local }: PropertyName, inside: string): string {
  const [name, declaration] =
    uri === 'DAV:' ? [`D:${local}`, ''] : [local, ` xmlns="${escapeAttribute(uri)}"`]
  return inside === '' ? `<${name}${declaration}/>` : `<${name}${declaration}>${inside}</${name}>`
}
