import { defineConfig } from 'vitest/config'

// Hostile input, for LATCHKEY_FUZZ_SECONDS (default 5) a target; LATCHKEY_SEED makes a run the same again.
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
  },
})
