import { Fault } from '#faults'
import type { Place, PlacedVersion, PropertyStore, VersionStore } from '#files/ports.ts'
import type { DeadProperty } from '#files/types.ts'
import { isWithin, type VirtualPath } from '#permissions/path.ts'

type Row = { place: Place; property: DeadProperty }

function rebased({ path }: Place, from: Place, to: Place): Place {
  return { mountId: to.mountId, path: `${to.path}${path.slice(from.path.length)}` as VirtualPath }
}

export function propertyStore(): PropertyStore {
  let rows: Row[] = []
  const isIn = ({ place }: Row, at: Place) => place.mountId === at.mountId && isWithin(at.path, place.path)
  const isAt = ({ place }: Row, at: Place) => place.mountId === at.mountId && place.path === at.path
  const remove = (place: Place) => {
    rows = rows.filter((row) => !isIn(row, place))
  }
  const rebase = ({ place, property }: Row, from: Place, to: Place): Row => ({
    place: rebased(place, from, to),
    property,
  })
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
  let rows: (PlacedVersion & Place)[] = []
  const isAt = (row: Place, place: Place) => row.mountId === place.mountId && isWithin(place.path, row.path)
  return {
    find: async (mountId, inodes) =>
      rows.filter((row) => row.mountId === mountId && inodes.includes(row.now.ino)),
    put: async (place, version) => {
      rows = rows.filter((row) => row.mountId !== place.mountId || row.now.ino !== version.now.ino)
      rows.push({ ...version, ...place })
    },
    move: async (from, to) => {
      rows = rows.map((row) => (isAt(row, from) ? { ...row, ...rebased(row, from, to) } : row))
    },
    remove: async (place) => {
      rows = rows.filter((row) => !isAt(row, place))
    },
    page: async (mountId, after, limit) =>
      rows
        .filter((row) => row.mountId === mountId && (after === null || row.now.ino > after))
        .toSorted((a, b) => Number(a.now.ino - b.now.ino))
        .slice(0, limit),
    drop: async (mountId, versions) => {
      const inodes = new Set(versions.map(({ now }) => now.ino))
      const before = rows.length
      rows = rows.filter((row) => row.mountId !== mountId || !inodes.has(row.now.ino))
      return before - rows.length
    },
  }
}
