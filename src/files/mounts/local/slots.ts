/**
 * Parts of one length lie behind each other in one file of their upload, each in the slot of its number, so that
 * completing the upload copies nothing. In the upload's folder:
 *
 * - `whole@LENGTH`: the file; `sealed@LENGTH` once it is to become the object, after which no slot is given out.
 * - `claim-NUMBER@LENGTH`: the slot was given out; stays until the upload ends, so that no byte of a kept part is
 *   ever written again. Goes when the part is dropped before it was kept.
 * - `NAME@LENGTH`: the part NAME is kept in its slot. A part in a file of its own is `NAME`.
 *
 * A name of a part begins with its number and a dash.
 */
export type Slot = { readonly number: number; readonly length: number }

/** Longest object of S3: slots behind it are not given out. */
const LONGEST = 5 * 1024 ** 4

export function slotFor(number: number, length: number): Slot | null {
  return number * length <= LONGEST ? { number, length } : null
}

export function startOf({ number, length }: Slot): number {
  return (number - 1) * length
}

export function wholeName(length: number): string {
  return `whole@${length}`
}

export function sealedName(length: number): string {
  return `sealed@${length}`
}

export function claimName({ number, length }: Slot): string {
  return `claim-${number}@${length}`
}

/** Which slots of this length were given out, from the names in the folder. */
export function claimedNumbers(names: readonly string[], length: number): number[] {
  return names.flatMap((name) => {
    const [, number, at] = /^claim-(\d+)@(\d+)$/.exec(name) ?? []
    return Number(at) === length ? [Number(number)] : []
  })
}

/** What a part is kept as in its slot. */
export function keptInSlot(name: string, { length }: Slot): string {
  return `${name}@${length}`
}

/** The slot of a kept part; null for one in a file of its own. */
export function slotOf(kept: string): Slot | null {
  const [, number, length] = /^(\d+)-[^@]*@(\d+)$/.exec(kept) ?? []
  return length === undefined ? null : { number: Number(number), length: Number(length) }
}

export function isPart(name: string): boolean {
  return /^\d+-/.test(name)
}
