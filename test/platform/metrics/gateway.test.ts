/** Prometheus text as exporters write it, and the traffic that is read from it. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { GATEWAY_METRICS_ANNOTATION } from '../../../src/contract/names.ts';
import { createTrafficCounts } from '../../../src/platform/metrics/gateway.ts';
import { parsePrometheus } from '../../../src/platform/metrics/prometheus.ts';

it('reads values, labels, escapes and infinities, and passes over what is no sample', () => {
  const text = [
    '# HELP x_total words {a="b"} 1',
    'x_total{path="/a,b=\\"c\\"",line="1\\n2",back="\\\\"} 3 1700000000000',
    'plain 1.5e3',
    'bucket{le="+Inf"} +Inf',
    'nothing NaN',
    'broken{a="b" ',
    'word{a="b"} many',
    '',
  ].join('\n');
  expect(parsePrometheus(text)).toEqual([
    { name: 'x_total', labels: { path: '/a,b="c"', line: '1\n2', back: '\\' }, value: 3 },
    { name: 'plain', labels: {}, value: 1500 },
    { name: 'bucket', labels: { le: '+Inf' }, value: Number.POSITIVE_INFINITY },
    { name: 'nothing', labels: {}, value: Number.NaN },
  ]);
});

let server: http.Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function gateway(status: number, text: string) {
  let scrapes = 0;
  server = http.createServer((_, response) => {
    scrapes++;
    response.statusCode = status;
    response.end(text);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  const annotations = { [GATEWAY_METRICS_ANNOTATION]: url };
  const object = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'clops', annotations },
  };
  return { object, scrapes: () => scrapes };
}

const LABELS = 'namespace="speech",route="vad"';

it('gives requests, weights and latency by backend, and shares one reading', async () => {
  const text = [
    `clops_gateway_weight{${LABELS},rule="clops",backend="vad-stable"} 90`,
    `clops_gateway_weight_requests{${LABELS},rule="clops",backend="vad-stable"} 182`,
    // Another rule to the same Service has weights and counts of its own.
    `clops_gateway_weight{${LABELS},rule="other",backend="vad-stable"} 1`,
    `clops_gateway_weight_requests{${LABELS},rule="other",backend="vad-stable"} 7`,
    `clops_gateway_requests_total{${LABELS},backend="vad-stable",code="200"} 1000`,
    `clops_gateway_requests_total{${LABELS},backend="vad-stable",code="503"} 2`,
    `clops_gateway_request_duration_seconds_bucket{${LABELS},backend="vad-stable",le="0.01"} 900`,
    `clops_gateway_request_duration_seconds_bucket{${LABELS},backend="vad-stable",le="+Inf"} 1002`,
    `clops_gateway_request_duration_seconds_sum{${LABELS},backend="vad-stable"} 7.5`,
    `clops_gateway_requests_total{${LABELS},backend="",code="404"} 9`,
  ].join('\n');
  const { object, scrapes } = await gateway(200, text);
  const traffic = createTrafficCounts();
  const [first, second] = await Promise.all([traffic.sample(object), traffic.sample(object)]);
  const found = first?.of('speech', 'vad', 'vad-stable');
  expect(found).toEqual({
    weight: 90,
    sinceChange: 182,
    byCode: { 200: 1000, 503: 2 },
    buckets: [
      { le: 0.01, count: 900 },
      { le: Number.POSITIVE_INFINITY, count: 1002 },
    ],
    sumSeconds: 7.5,
  });
  expect(second).toBe(first); // read once: it is as long as there are deployments, and each of them asks
  expect(scrapes()).toBe(1);
});

it('says that it cannot be asked, and when it should answer and does not', async () => {
  const { object } = await gateway(500, '');
  const traffic = createTrafficCounts();
  expect(await traffic.sample(object, 'example.com/other')).toBeUndefined();
  expect(await traffic.sample({ ...object, metadata: { name: 'clops' } })).toBeUndefined();
  await expect(traffic.sample(object)).rejects.toMatchObject({ code: 'METRICS_UNAVAILABLE' });
});
