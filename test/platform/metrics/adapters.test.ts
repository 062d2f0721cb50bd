/**
 * Scrapes of other gateways. Envoy's was recorded from an Envoy 1.40 (`/stats/prometheus`, the series of requests alone) with
 * clusters named as Envoy Gateway 1.9.0 names them (internal/gatewayapi/helpers.go, internal/xds/translator), after 103
 * requests at 90 : 10, 3 at a merged backend and 1 at a rule's joint cluster. Traefik's are written by hand after its sources
 * (pkg/provider/kubernetes/gateway/httproute.go, pkg/observability/metrics/prometheus.go); 3.6.12 itself is asked in
 * test/kubernetes/traefik.test.ts.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createRequestWindow } from '../../../src/controller/window.ts';
import { isCountable, readCounts } from '../../../src/platform/metrics/adapters.ts';

const TRAEFIK = 'traefik.io/gateway-controller';
const ENVOY = 'gateway.envoyproxy.io/gatewayclass-controller';
const key = (rule: number): string => `httproute-speech-vad-gw-clops-system-clops-ep-web-${rule}-1c0cf64bde37d9d0df06`;

const TRAEFIK_3_6_12 = `# HELP traefik_service_requests_total How many HTTP requests processed on a service, partitioned by status code, protocol, and method.
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="POST",protocol="http",service="speech-vad-stable-http-80@kubernetesgateway"} 90
traefik_service_requests_total{code="200",method="GET",protocol="http",service="speech-vad-stable-http-80@kubernetesgateway"} 8
traefik_service_requests_total{code="500",method="POST",protocol="http",service="speech-vad-stable-http-80@kubernetesgateway"} 2
traefik_service_requests_total{code="200",method="POST",protocol="http",service="speech-vad-canary-http-80@kubernetesgateway"} 11
traefik_service_requests_total{code="200",method="POST",protocol="http",service="speech-vad-stable-2-stable-http-80@kubernetesgateway"} 5
traefik_service_request_duration_seconds_bucket{code="200",method="POST",protocol="http",service="speech-vad-canary-http-80@kubernetesgateway",le="0.1"} 10
traefik_service_request_duration_seconds_bucket{code="200",method="POST",protocol="http",service="speech-vad-canary-http-80@kubernetesgateway",le="+Inf"} 11
traefik_service_request_duration_seconds_sum{code="200",method="POST",protocol="http",service="speech-vad-canary-http-80@kubernetesgateway"} 0.5
`;
const TRAEFIK_3_7_9 = `traefik_service_requests_total{code="200",method="POST",protocol="http",service="${key(0)}-svc-speech-vad-stable-0@kubernetesgateway"} 90
traefik_service_requests_total{code="200",method="POST",protocol="http",service="${key(0)}-svc-speech-vad-canary-1@kubernetesgateway"} 10
traefik_service_requests_total{code="200",method="POST",protocol="http",service="${key(1)}-svc-speech-vad-stable-0@kubernetesgateway"} 4
`;
const ENVOY_1_40 = readFileSync(new URL('./envoy-1.40.prom', import.meta.url), 'utf8');

it('Traefik up to 3.7.0 counts by Service', () => {
  const counts = readCounts(TRAEFIK_3_6_12, TRAEFIK);
  expect(counts?.of('speech', 'vad', 'vad-stable')?.byCode).toEqual({ 200: 98, 500: 2 });
  expect(counts?.of('speech', 'vad', 'vad-canary')).toEqual({
    byCode: { 200: 11 },
    buckets: [
      { le: 0.1, count: 10 },
      { le: Number.POSITIVE_INFINITY, count: 11 },
    ],
    sumSeconds: 0.5,
  });
  expect(counts?.of('speech', 'other', 'other-stable')).toBeUndefined();
});

it('Traefik 3.7.9 counts by rule and backend, and only our rule is meant', () => {
  const counts = readCounts(TRAEFIK_3_7_9, TRAEFIK);
  expect(counts?.of('speech', 'vad', 'vad-stable')?.byCode).toEqual({ 200: 90 });
  expect(counts?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 200: 10 });
});

it('Envoy Gateway counts by backend where it makes a cluster of each, and says nothing where it does not', () => {
  const counts = readCounts(ENVOY_1_40, ENVOY);
  const stable = counts?.of('speech', 'vad', 'vad-stable');
  expect(stable?.byCode).toEqual({ 200: 91, 500: 3 });
  expect(stable?.sumSeconds).toBeCloseTo(1.2376, 4);
  expect(stable?.buckets.map(({ le }) => le)).toEqual(
    [...(stable?.buckets ?? [])].map(({ le }) => le).sort((a, b) => a - b),
  );
  expect(stable?.buckets.find(({ le }) => le === 0.025)).toEqual({ le: 0.025, count: 86 });
  expect(stable?.buckets.at(-1)).toEqual({ le: Number.POSITIVE_INFINITY, count: 94 });
  // Beside its place in the rule the canary's Service has a merged cluster of its own here: whichever is there is counted.
  expect(counts?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 200: 12 });
  const of = (cluster: RegExp): string =>
    ENVOY_1_40.split('\n')
      .filter((line) => cluster.test(line))
      .join('\n');
  const byPlace = readCounts(of(/rule\/0\/backend/), ENVOY);
  expect(byPlace?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 200: 9 });
  const merged = readCounts(of(/"service\//), ENVOY);
  expect(merged?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 200: 3 });
  const joint = readCounts(of(/rule\/0"/), ENVOY);
  expect(joint?.of('speech', 'vad', 'vad-stable')).toBeUndefined();
});

it('is chosen by the controller, or else by the series; others cannot be counted', () => {
  expect(readCounts(TRAEFIK_3_7_9)?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 200: 10 });
  expect(readCounts(TRAEFIK_3_7_9, ENVOY)?.of('speech', 'vad', 'vad-canary')).toBeUndefined();
  expect(isCountable('gateway.nginx.org/nginx-gateway-controller')).toBe(false);
  expect(readCounts('nginx_http_requests_total 12\n')).toBeUndefined();
});

it('counters since the start become recent requests: a stray one is forgotten, a restart begins anew', () => {
  const window = createRequestWindow();
  expect(window.requests(0, { stable: 500, canary: 70 })).toEqual({ stable: 0, canary: 0 });
  expect(window.requests(1_000, { stable: 501, canary: 100 })).toEqual({ stable: 1, canary: 30 });
  window.requests(10_000, { stable: 501, canary: 200 });
  expect(window.requests(20_000, { stable: 501, canary: 300 })).toEqual({ stable: 0, canary: 100 });
  expect(window.requests(21_000, { stable: 0, canary: 5 })).toEqual({ stable: 0, canary: 0 });
  expect(window.requests(22_000, { stable: 1, canary: 9 })).toEqual({ stable: 1, canary: 4 });
});
