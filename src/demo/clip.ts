/** The committed clip as what Silero VAD is asked about, frame by frame. What it sounds like: examples/vad/clip.wav. */
import { readFileSync } from 'node:fs';

const FRAME = 512;
const CONTEXT = 64;
const WAV_HEADER = 44;

const CLIP = new URL('../../examples/vad/clip.wav', import.meta.url);

/**
 * 32 ms of new samples each, behind the last 4 ms of the frame before: without that context v6 hears no speech at all.
 * Values of -1 to 1.
 */
export function readFrames(): number[][] {
  const pcm = readFileSync(CLIP).subarray(WAV_HEADER);
  const samples = Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(i * 2) / 32_768);
  const padded = [...new Array<number>(CONTEXT).fill(0), ...samples];
  const count = Math.floor(samples.length / FRAME);
  return Array.from({ length: count }, (_, n) => padded.slice(n * FRAME, (n + 1) * FRAME + CONTEXT));
}
