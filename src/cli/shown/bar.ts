/** How far an upload is: a bar that is drawn over itself on a terminal, nothing elsewhere. */
import type { UploadProgress } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { bytes } from './text.ts';

const WIDTH = 24;
const EVERY_MS = 100;

export function createBar(
  { io, quiet }: Context,
  name: string,
): { at: (progress: UploadProgress) => void; end: () => void } {
  const shown = io.err.isTTY === true && !quiet;
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    at({ phase, doneBytes, totalBytes }) {
      const now = performance.now();
      if (!shown || (now - drawnAt < EVERY_MS && doneBytes < totalBytes)) return;
      drawnAt = now;
      const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
      const full = Math.round(share * WIDTH);
      const what = phase === 'hashing' ? 'Reading' : 'Sending';
      const line = `${what} ${name} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.floor(share * 100)} % of ${bytes(totalBytes)}`;
      io.err.write(`\r\u001b[K${line.slice(0, (io.err.columns ?? 80) - 1)}`);
    },
    end() {
      if (shown) io.err.write('\r\u001b[K');
    },
  };
}
