import { defineConfig } from 'vitest/config'

// Servers that are killed, disks that fill, clients that vanish: they mostly wait, but not for each other's work.
// LATCHKEY_FAULT_ROUNDS and LATCHKEY_SEED make a run longer, or the same again.
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    maxWorkers: 2,
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
  },
})
