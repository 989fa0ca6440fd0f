/** How often a fault is tried: `LATCHKEY_FAULT_ROUNDS`, else what a test says is enough for a quick run. */
export function faultRounds(quick: number): number {
  return Number(process.env.LATCHKEY_FAULT_ROUNDS ?? quick)
}
