import { defineConfig } from 'vitest/config';

/** What needs a real Kubernetes (`npm run test:kubernetes`): apart, because it wants Go, time, and for nodes root. */
export default defineConfig({
  test: {
    name: 'kubernetes',
    // The object store is built with the rest, and has nothing else to be run by in CI.
    include: ['test/kubernetes/**/*.test.ts', 'test/contract/artifacts/s3.test.ts'],
    setupFiles: ['test/support/patterns.ts'],
    env: { NO_COLOR: '1', ORT_DISABLE_TELEMETRY: '1' }, // as in vitest.config.ts
    pool: 'forks',
    maxWorkers: 3, // on two cores: they wait for clusters more than they work
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
