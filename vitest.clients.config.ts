import { defineConfig } from 'vitest/config'

// Real programs against a real server process: one file at a time, the machine has few cores.
export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
})
