import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/clients/**', 'test/faults/**', 'test/fuzz/**'],
    // Most of the time is spent waiting: more workers than cores, and modules loaded once for each.
    maxWorkers: 4,
    isolate: false,
    setupFiles: ['test/cheap-argon2.ts'],
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 60_000,
    hookTimeout: 30_000,
  },
})
