/** Seconds for which each target is tried. */
export const SECONDS = Number(process.env.LATCHKEY_FUZZ_SECONDS ?? 5)

/** Calls `attempt` until the time is over, at least once; resolves to how often. */
export async function timeBoxed(attempt: () => Promise<void> | void): Promise<number> {
  const end = performance.now() + SECONDS * 1_000
  let count = 0
  do {
    await attempt()
    count += 1
  } while (performance.now() < end)
  return count
}
