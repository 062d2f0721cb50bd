/**
 * What /metrics says. Labels are only this server's own model and version and the status codes it sends: nothing that a
 * caller can make up.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds. From half a millisecond, because small models answer in less than a default bucket. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export interface Metrics {
  /** An inference request was answered (or given up: 499) after so many milliseconds. */
  answered(status: number, ms: number): void;
  /** Its turn came after so many milliseconds in the queue. */
  queued(ms: number): void;
  /** onnxruntime took so many milliseconds. */
  inferred(ms: number): void;
  arrived(): void;
  readonly contentType: string;
  text(): Promise<string>;
}

export function createMetrics(options: {
  model: string;
  version: string;
  queueDepth: () => number;
  isWarm: () => boolean;
}): Metrics {
  const { model, version, queueDepth, isWarm } = options;
  const register = new Registry();
  // As default labels they are added when somebody reads; as labels they would be hashed at every observation.
  register.setDefaultLabels({ model, version });
  const registers = [register];
  // Its event loop monitor wakes the process at this interval: 10 ms by default, for a server that may be idle all day.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 100 });

  const requests = new Counter({
    name: 'clops_model_requests_total',
    help: 'Inference requests answered, by HTTP status; 499 when the client left before its answer.',
    labelNames: ['code'],
    registers,
  });
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({ name, help, buckets: BUCKETS, registers });
  const requestSeconds = histogram(
    'clops_model_request_duration_seconds',
    'From the head of an inference request to its answer, whatever the status.',
  );
  const queueSeconds = histogram('clops_model_queue_seconds', 'Time an inference request waited for its turn.');
  const inferenceSeconds = histogram(
    'clops_model_inference_duration_seconds',
    'Time one inference took in onnxruntime.',
  );
  let inFlight = 0;
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('clops_model_queue_depth', 'Inference requests waiting for their turn.', queueDepth);
  gauge(
    'clops_model_in_flight',
    'Inference requests arrived and not yet answered, waiting ones included.',
    () => inFlight,
  );
  gauge(
    'clops_model_warmup_ok',
    '1 when the model has run on invented input before it was ready; 0 before, or when none fitted.',
    () => Number(isWarm()),
  );

  const byCode = new Map<number, Counter.Internal>();
  const counterOf = (status: number): Counter.Internal => {
    let counter = byCode.get(status);
    if (!counter) {
      counter = requests.labels(String(status));
      byCode.set(status, counter);
    }
    return counter;
  };
  // The series exist from the start: a rate over a counter that appears with its first increment misses that increment.
  for (const status of [200, 400, 500, 503]) counterOf(status).inc(0);

  return {
    arrived() {
      inFlight++;
    },
    answered(status, ms) {
      inFlight--;
      counterOf(status).inc();
      requestSeconds.observe(ms / 1000);
    },
    queued: (ms) => queueSeconds.observe(ms / 1000),
    inferred: (ms) => inferenceSeconds.observe(ms / 1000),
    contentType: register.contentType,
    text: () => register.metrics(),
  };
}
