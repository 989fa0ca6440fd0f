import { execFileSync } from 'node:child_process'

const known = new Map<string, boolean>()

/**
 * True when a real program is installed. Missing, it says so loudly and the test is skipped; in CI
 * (LATCHKEY_REQUIRE_PROGRAMS=1) it fails instead.
 */
export function program(name: string): boolean {
  const found = known.get(name) ?? isInstalled(name)
  known.set(name, found)
  if (found) return true
  if (process.env.LATCHKEY_REQUIRE_PROGRAMS === '1') throw new Error(`${name} is not installed`)
  console.warn(`SKIPPED: ${name} is not installed, what it would show is not shown`)
  return false
}

function isInstalled(name: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v "${name}"`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
