import type { Holder, LostRecord, LostStore } from '#files/ports.ts'

/** Lost uploads in memory. Keys and users in `revoked` may not log in any more. */
export function lostStore(): LostStore & { readonly records: LostRecord[]; readonly revoked: Set<string> } {
  const records: LostRecord[] = []
  const revoked = new Set<string>()
  const idOf = (holder: Holder) => ('keyId' in holder ? holder.keyId : holder.userId)
  const take = (found: LostRecord | undefined) => {
    if (found !== undefined) records.splice(records.indexOf(found), 1)
    return found
  }
  return {
    records,
    revoked,
    async insert(record) {
      const { holder, place } = record
      const earlier = records.find(
        (one) =>
          idOf(one.holder) === idOf(holder) &&
          one.place.path === place.path &&
          one.place.mountId === place.mountId,
      )
      take(earlier)
      records.unshift(record)
      return earlier?.id ?? null
    },
    of: async (siteId, holder) =>
      records.filter((one) => one.siteId === siteId && idOf(one.holder) === idOf(holder)),
    remove: async (id) => take(records.find((one) => one.id === id)) !== undefined,
    ended: async (lostBefore) =>
      records.filter(({ lostAt, holder }) => lostAt < lostBefore || revoked.has(idOf(holder))),
    ids: async (mountId) => records.filter(({ place }) => place.mountId === mountId).map(({ id }) => id),
  }
}
