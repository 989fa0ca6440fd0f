import type { FastifyRequest } from 'fastify'
import type { Clock } from '#credentials/ports.ts'
import { Fault } from '#faults'
import { sessionOf } from './access.ts'
import type { App } from './app.ts'

const MINUTE_MS = 60_000
const MOST_CALLERS = 10_000

/** A caller's room: what is left of it, and when that was so. */
type Room = { left: number; at: number }

/**
 * Refuses callers who ask too often: `limit` requests at once, refilled evenly over a minute. Files are left out:
 * they are a door like the others. Counted in this process. 0: no limit.
 */
export function limitRates(app: App, { now }: Clock, limit: number): void {
  if (limit === 0) return
  const rooms = new Map<string, Room>()
  app.addHook('onRequest', async (request, reply) => {
    if (isFiles(request.url)) return
    const room = roomOf(rooms, callerOf(request), { now: now(), limit })
    reply.header('RateLimit-Policy', `"caller";q=${limit};w=60`)
    if (room.left < 1) {
      const seconds = Math.max(1, Math.ceil(((1 - room.left) * MINUTE_MS) / limit / 1000))
      reply.header('RateLimit', `"caller";r=0;t=${seconds}`)
      throw new Fault('rate_limited', 'too many requests', { retryAfter: seconds })
    }
    room.left -= 1
    const refill = Math.ceil(((limit - room.left) * MINUTE_MS) / limit / 1000)
    reply.header('RateLimit', `"caller";r=${Math.floor(room.left)};t=${refill}`)
  })
}

function isFiles(url: string): boolean {
  return url.startsWith('/api/v1/files') || url.startsWith('/api/v1/uploads')
}

/** Guests share a key, so their address tells them apart. */
function callerOf(request: FastifyRequest): string {
  const { principal, address } = sessionOf(request)
  if (principal.kind === 'guest') return `guest ${principal.siteId} ${address}`
  return principal.key === null ? `user ${principal.user?.id}` : `key ${principal.key.id}`
}

function roomOf(
  rooms: Map<string, Room>,
  caller: string,
  { now, limit }: { now: number; limit: number },
): Room {
  const held = rooms.get(caller)
  const gained = held === undefined ? limit : (Math.max(0, now - held.at) * limit) / MINUTE_MS
  const room = { left: Math.min(limit, (held?.left ?? 0) + gained), at: now }
  // Behind all others: a Map keeps the order in which names were added, and the oldest goes first.
  rooms.delete(caller)
  rooms.set(caller, room)
  if (rooms.size > MOST_CALLERS) {
    for (const [oldest] of rooms) {
      rooms.delete(oldest)
      break
    }
  }
  return room
}
