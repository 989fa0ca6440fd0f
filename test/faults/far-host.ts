import { execFileSync } from 'node:child_process'

/** A second host behind a cable that can be pulled out. */
export type FarHost = Disposable & {
  /** Address of this machine on the cable. */
  readonly address: string
  /** Words before a command that is to run over there. */
  readonly wrapper: readonly string[]
  /** From now on nothing arrives on either side, and nobody is told. */
  pull(): void
}

/** Null, and loudly so, where this process may make no network; in CI (LATCHKEY_REQUIRE_PROGRAMS=1) it fails. */
export function connectFarHost(): FarHost | null {
  const name = `lk${process.pid}`
  const ip = (...words: string[]) => void execFileSync('ip', words, { stdio: 'pipe' })
  const there = (...words: string[]) => ip('netns', 'exec', name, 'ip', ...words)
  try {
    ip('netns', 'add', name)
    ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`, 'netns', name)
    ip('addr', 'add', '10.213.7.1/24', 'dev', `${name}a`)
    ip('link', 'set', `${name}a`, 'up')
    there('addr', 'add', '10.213.7.2/24', 'dev', `${name}b`)
    there('link', 'set', `${name}b`, 'up')
  } catch (error) {
    if (process.env.LATCHKEY_REQUIRE_PROGRAMS === '1') throw error
    console.warn('SKIPPED: no network can be made here, what half-open connections do is not shown')
    return null
  }
  return {
    address: '10.213.7.1',
    wrapper: ['ip', 'netns', 'exec', name],
    pull: () => there('link', 'set', `${name}b`, 'down'),
    [Symbol.dispose]() {
      // Programs that still run over there keep their namespace, and with it the cable.
      ip('link', 'del', `${name}a`)
      ip('netns', 'del', name)
    },
  }
}
