import { defineConfig } from 'vitest/config'

// Real programs against real server processes: they mostly wait, but the machine has few cores.
export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts'],
    maxWorkers: 3,
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
})
