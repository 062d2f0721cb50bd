/** What settings mean when nobody gives them, where a document promises it. */
import { expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';

test('metrics are served where a port was set for them, and nowhere else', () => {
  expect(readConfig({}).metricsPort).toBeUndefined();
  expect(readConfig({ CLOPS_METRICS_PORT: '' }).metricsPort).toBeUndefined();
  expect(readConfig({ CLOPS_METRICS_PORT: '0' }).metricsPort).toBe(0);
  expect(readConfig({ CLOPS_METRICS_PORT: '4001' }).metricsPort).toBe(4001);
});
