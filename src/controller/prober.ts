/**
 * Asks pods themselves whether they serve the version that they were started for. A pod that is ready proves only that
 * something answers; requests are sent to it only after it has named the model. Answers are kept per pod and restart, and
 * never over a restart of the controller: what was true then is asked again.
 */
import { request } from 'undici';
import { type Clock, systemClock } from '../lib/clock.ts';

type ProbeVerdict = 'Asking' | 'Verified' | 'Refuted';

interface ProbeTarget {
  /** Pod uid and restart count: another life, another answer. */
  id: string;
  /** The ModelDeployment to look at again when the answer is there. */
  key: string;
  url: string;
  model: string;
  version: number;
}

/** Asks one pod. True when it serves the version; throws or answers false otherwise. */
export type Probe = (target: ProbeTarget) => Promise<boolean>;

export interface Prober {
  /** The last answer; asks in the background when there is none, or when it was no and some time has passed. */
  verdict(target: ProbeTarget): ProbeVerdict;
  /** Forgets all pods of a deployment but these. */
  retain(key: string, ids: ReadonlySet<string>): void;
  close(): void;
}

const AGAIN_MS = 1000;

export function createProber(options: { probe?: Probe; enqueue: (key: string) => void; clock?: Clock }): Prober {
  const { probe = askPod, enqueue, clock = systemClock } = options;
  const known = new Map<string, { key: string; verdict: ProbeVerdict; asking: boolean; at: number }>();
  let isClosed = false;

  async function ask(target: ProbeTarget): Promise<void> {
    const entry = known.get(target.id) ?? { key: target.key, verdict: 'Asking' as ProbeVerdict, asking: false, at: 0 };
    entry.asking = true;
    known.set(target.id, entry);
    const isRight = await probe(target).catch(() => false);
    if (isClosed) return;
    const verdict: ProbeVerdict = isRight ? 'Verified' : 'Refuted';
    entry.asking = false;
    entry.at = clock.monotonic();
    if (entry.verdict !== verdict) {
      entry.verdict = verdict;
      enqueue(target.key);
    }
    // A pod that is not the model may become it (a server that loads late): asked again while somebody looks.
    if (verdict === 'Refuted') clock.after(AGAIN_MS, () => known.has(target.id) && enqueue(target.key));
  }

  return {
    verdict(target) {
      const entry = known.get(target.id);
      const isDue = !entry || (entry.verdict === 'Refuted' && clock.monotonic() - entry.at >= AGAIN_MS);
      if (isDue && !entry?.asking && !isClosed) void ask(target);
      return entry?.verdict ?? 'Asking';
    },
    retain(key, ids) {
      for (const [id, entry] of known) if (entry.key === key && !ids.has(id)) known.delete(id);
    },
    close() {
      isClosed = true;
      known.clear();
    },
  };
}

const TIMEOUT_MS = 2000;
const MAX_BYTES = 1024 * 1024;

/** Open Inference Protocol: the metadata name the model, and the version is ready. */
const askPod: Probe = async ({ url, model, version }) => {
  const path = `${url}/v2/models/${encodeURIComponent(model)}/versions/${version}`;
  const metadata = await get(path);
  if (metadata.statusCode !== 200) return false;
  const { name, versions } = JSON.parse(metadata.text) as { name?: unknown; versions?: unknown };
  if (name !== model) return false;
  if (Array.isArray(versions) && versions.length > 0 && !versions.map(String).includes(String(version))) return false;
  return (await get(`${path}/ready`)).statusCode === 200;
};

async function get(url: string): Promise<{ statusCode: number; text: string }> {
  const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (text.length > MAX_BYTES) throw new Error('The metadata are too long.');
  }
  return { statusCode, text };
}
