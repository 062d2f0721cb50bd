/**
 * Scrapes of other gateways, written by hand after their sources: Traefik 3.6.12 and 3.7.9
 * (pkg/provider/kubernetes/gateway/httproute.go, pkg/observability/metrics/prometheus.go), Envoy Gateway 1.9.0
 * (internal/gatewayapi/helpers.go, internal/xds/translator) with Envoy's own names for a cluster's statistics.
 */
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
const envoyCluster = (name: string, code: number, count: number): string =>
  `envoy_cluster_upstream_rq{envoy_response_code="${code}",envoy_cluster_name="${name}"} ${count}\n` +
  `envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="${name}"} ${count}\n` +
  `envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="${name}",le="25"} ${count}\n`;

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
  const byPlace = [0, 1]
    .map((i) => envoyCluster(`httproute/speech/vad/rule/0/backend/${i}`, 200, 90 - 80 * i))
    .join('');
  const counts = readCounts(byPlace, ENVOY);
  expect(counts?.of('speech', 'vad', 'vad-stable')).toEqual({
    byCode: { 200: 90 },
    buckets: [{ le: 0.025, count: 90 }],
    sumSeconds: 0,
  });
  expect(counts?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 200: 10 });
  const merged = readCounts(envoyCluster('service/speech/vad-canary/80', 503, 3), ENVOY);
  expect(merged?.of('speech', 'vad', 'vad-canary')?.byCode).toEqual({ 503: 3 });
  const joint = readCounts(envoyCluster('httproute/speech/vad/rule/0', 200, 100), ENVOY);
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
