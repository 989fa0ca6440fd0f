import { NOTHING_TO_REMEMBER, type Way, type WayDeps } from './way.ts'

/** Nothing presented, or a login that anonymous clients send: the site's guest key (REQUIREMENTS.md, D8). */
export function guest({ store, memory }: WayDeps, siteId: string | null, presented: boolean): Way {
  return {
    guess: null,
    remember: NOTHING_TO_REMEMBER,
    remembered() {
      const account = memory.guestAccount(siteId)
      return account && { by: 'guest', account }
    },
    async prove() {
      const site = siteId ?? (await store.soleSiteId())
      const account = site === null ? null : await store.guestAccount(site)
      const proven = account === null ? [] : ([{ by: 'guest', account }] as const)
      return { proven, reason: presented ? 'no_guest' : 'nothing_presented', who: null }
    },
  }
}
