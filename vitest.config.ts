import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

const require = createRequire(import.meta.url);

// Two copies of graphql (ESM and CJS) would be loaded otherwise, and type-graphql's schema be "from another realm".
const resolve = { alias: [{ find: /^graphql$/, replacement: require.resolve('graphql') }] };
const common = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  setupFiles: ['test/support/patterns.ts'],
  // What tests start says the same everywhere: CI and FORCE_COLOR colour it otherwise, and a pattern no longer meets it.
  // Tests that ask onnxruntime themselves are as silent towards its makers as the product (modelserver/noTelemetry.ts).
  env: { NO_COLOR: '1', ORT_DISABLE_TELEMETRY: '1' },
};
const withDatabase = [
  'test/api/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/client/**/*.test.ts',
  'test/platform/events/**/*.test.ts',
  'test/platform/db/**/*.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 3, // on two cores: they wait for processes more than they work
    projects: [
      {
        resolve,
        test: {
          ...common,
          name: 'unit',
          globalSetup: ['test/support/run.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['test/kubernetes/**', ...withDatabase],
        },
      },
      {
        resolve,
        test: {
          ...common,
          name: 'database',
          include: withDatabase,
          globalSetup: ['test/support/run.ts', 'test/support/postgres.ts'],
        },
      },
    ],
  },
});
