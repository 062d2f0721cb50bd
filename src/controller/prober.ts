/**
 * Asks pods themselves whether they serve the version that they were started for. A pod that is ready proves only that
 * something answers; requests are sent to it only after it has named the model. Answers are kept per pod and restart, and
 * never over a restart of the controller: what was true then is asked again.
 */
import { request } from 'undici';
import { type Backoff, createBackoff } from '../lib/backoff.ts';
import { type Clock, systemClock } from '../lib/clock.ts';

interface Said {
  verdict: 'Asking' | 'Verified' | 'Refuted';
  /** Why it was refuted, when it could not be asked: the words of what was in the way. */
  why?: string;
}

export interface ProbeTarget {
  /** Pod uid and restart count: another life, another answer. */
  id: string;
  /** The ModelDeployment to look at again when the answer is there. */
  key: string;
  url: string;
  model: string;
  version: number;
}

/** Asks one pod: does it serve the version? Throws when it could not be asked. */
export type Probe = (target: ProbeTarget) => Promise<boolean>;

export interface Prober {
  /** The last answer; asks in the background when there is none, or when it was no and some time has passed. */
  verdict(target: ProbeTarget): Said;
  /** Forgets all pods of a deployment but these. */
  retain(key: string, ids: ReadonlySet<string>): void;
  close(): void;
}

/**
 * So many are asked at the same time. A new leader asks every pod there is, and where all of thousands were asked at once they
 * timed out by waiting for each other: canaries that were well lost their share.
 */
const AT_ONCE = 64;
const AGAIN = { initialMs: 1000, maxMs: 30_000 };

/** What is known of one life of a pod. */
interface Entry {
  key: string;
  said: Said;
  asking: boolean;
  // Due is what a timer has said. Timers go off up to a millisecond early: one that compared times found nothing due, and
  // nobody looked again.
  isDue: boolean;
  wasSlow: boolean;
  again: Backoff;
}

export function createProber(options: { probe?: Probe; enqueue: (key: string) => void; clock?: Clock }): Prober {
  const { probe = askPod, enqueue, clock = systemClock } = options;
  const known = new Map<string, Entry>();
  const waiting: [ProbeTarget, Entry][] = [];
  let running = 0;
  let isClosed = false;

  function ask(target: ProbeTarget): void {
    const entry: Entry = known.get(target.id) ?? {
      key: target.key,
      said: { verdict: 'Asking' },
      asking: true,
      isDue: false,
      wasSlow: false,
      again: createBackoff(AGAIN),
    };
    Object.assign(entry, { asking: true, isDue: false });
    known.set(target.id, entry);
    waiting.push([target, entry]);
    askNext();
  }

  function askNext(): void {
    while (running < AT_ONCE) {
      const next = waiting.shift();
      if (!next) return;
      if (known.get(next[0].id) !== next[1]) continue; // forgotten while it waited
      running++;
      void askNow(...next).finally(() => {
        running--;
        askNext();
      });
    }
  }

  async function askNow(target: ProbeTarget, entry: Entry): Promise<void> {
    const said = await probe(target).then(
      (isRight): Said => ({ verdict: isRight ? 'Verified' : 'Refuted' }),
      (error: unknown): Said => {
        // A pod that has just been started, or that nobody has asked yet, may be slow once.
        const isFirst = isTimeout(error) && entry.said.verdict === 'Asking' && !entry.wasSlow;
        return isFirst ? { verdict: 'Asking' } : { verdict: 'Refuted', why: wordsOf(error) };
      },
    );
    if (isClosed || known.get(target.id) !== entry) return;
    if (said.verdict === 'Asking') {
      entry.wasSlow = true;
      ask(target);
      return;
    }
    const isNews = entry.said.verdict !== said.verdict;
    entry.said = said;
    entry.asking = false;
    if (isNews) enqueue(target.key);
    // A pod that is not the model may become it (a server that loads late): asked again while somebody looks.
    if (said.verdict === 'Refuted')
      clock.after(entry.again.next(), () => {
        entry.isDue = true;
        if (known.get(target.id) === entry) enqueue(target.key);
      });
  }

  return {
    verdict(target) {
      const entry = known.get(target.id);
      if ((!entry || entry.isDue) && !entry?.asking && !isClosed) ask(target);
      return entry?.said ?? { verdict: 'Asking' };
    },
    retain(key, ids) {
      for (const [id, entry] of known) if (entry.key === key && !ids.has(id)) known.delete(id);
    },
    close() {
      isClosed = true;
      known.clear();
      waiting.length = 0;
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
  const { name, versions } = membersOf(metadata.text);
  if (name !== model) return false;
  if (Array.isArray(versions) && versions.length > 0 && !versions.map(String).includes(String(version))) return false;
  return (await get(`${path}/ready`)).statusCode === 200;
};

function membersOf(text: string): { name?: unknown; versions?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as object;
  } catch {
    return {}; // it answers, and is no model server
  }
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === 'TimeoutError';

/** `timed out`, and not the three sentences that a network stack makes of it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isTimeout(error) ? 'timed out' : error.message.replace(/\.$/, '');
}

async function get(url: string): Promise<{ statusCode: number; text: string }> {
  const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (text.length > MAX_BYTES) throw new Error('The metadata are too long.');
  }
  return { statusCode, text };
}
