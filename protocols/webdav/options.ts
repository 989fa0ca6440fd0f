import type { Method } from './call.ts'

/** Every method of this door, as an Allow header lists them. */
export const ALLOW = 'OPTIONS, PROPFIND, PROPPATCH, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, LOCK, UNLOCK'

/** OPTIONS: what this server is. Explorer looks for MS-Author-Via, Finder for class 2. */
export const options: Method = async () => ({
  status: 200,
  headers: { DAV: '1, 2, 3', 'MS-Author-Via': 'DAV', Allow: ALLOW, 'Accept-Ranges': 'bytes' },
})
