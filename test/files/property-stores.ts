import { Fault } from '#faults'
import type { KeptVersion, Place, PropertyStore, VersionStore } from '#files/ports.ts'
import type { DeadProperty } from '#files/types.ts'
import { isWithin, type VirtualPath } from '#permissions/path.ts'

type Row = { place: Place; property: DeadProperty }

export function propertyStore(): PropertyStore {
  let rows: Row[] = []
  const isIn = ({ place }: Row, at: Place) => place.mountId === at.mountId && isWithin(at.path, place.path)
  const isAt = ({ place }: Row, at: Place) => place.mountId === at.mountId && place.path === at.path
  const remove = (place: Place) => {
    rows = rows.filter((row) => !isIn(row, place))
  }
  const rebase = ({ place, property }: Row, from: Place, to: Place): Row => {
    const path = `${to.path}${place.path.slice(from.path.length)}` as VirtualPath
    return { place: { mountId: to.mountId, path }, property }
  }
  return {
    find: async (mountId, paths) =>
      paths.map((path) => rows.filter((row) => isAt(row, { mountId, path })).map(({ property }) => property)),
    async change(place, { set, remove: gone }, most) {
      const names = new Set([...set, ...gone].map(({ uri, local }) => `{${uri}}${local}`))
      const kept = rows.filter(
        (row) => !isAt(row, place) || !names.has(`{${row.property.uri}}${row.property.local}`),
      )
      const next = [...kept, ...set.map((property) => ({ place, property }))]
      if (next.filter((row) => isAt(row, place)).length > most) throw new Fault('quota', 'too many')
      rows = next
    },
    async copy(from, to, shallow) {
      const found = rows.filter((row) => (shallow ? isAt(row, from) : isIn(row, from)))
      remove(to)
      rows.push(...found.map((row) => rebase(row, from, to)))
    },
    async move(from, to) {
      const found = rows.filter((row) => isIn(row, from))
      remove(to)
      remove(from)
      rows.push(...found.map((row) => rebase(row, from, to)))
    },
    remove: async (place) => remove(place),
  }
}

export function versionStore(): VersionStore {
  const rows = new Map<string, KeptVersion>()
  return {
    find: async (mountId, inodes) => inodes.flatMap((ino) => rows.get(`${mountId} ${ino}`) ?? []),
    put: async (mountId, version) => void rows.set(`${mountId} ${version.now.ino}`, version),
  }
}
