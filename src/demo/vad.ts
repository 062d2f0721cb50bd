/** What the demo serves: Silero VAD, which says how likely a frame of audio is speech, in two releases. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const TEAM = 'speech';
export const MODEL = 'vad';
export const DEPLOYMENT = 'vad';

const PACKAGE = '@ricky0123/vad-web';
const LICENCE = { licence: 'MIT', source: 'https://github.com/snakers4/silero-vad' };

export const MODEL_TAGS = { ...LICENCE, task: 'voice-activity-detection' };
export const DESCRIPTION = `Silero VAD: how likely a frame of audio is speech.

One frame is 512 samples of 16 kHz behind the last 64 of the frame before; \`stateN\` of each answer is \`state\` of the next
request. By the Silero team, MIT licence, https://github.com/snakers4/silero-vad.`;

export interface Release {
  name: 'v5' | 'v6';
  bytes: Uint8Array;
  digest: string;
  /** Where the bytes are from. */
  uri: string;
  tags: Record<string, string>;
}

/** @throws when the npm package that carries the models is not installed. */
export function readReleases(): [Release, Release] {
  const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const read = (name: Release['name']): Release => {
    const file = `dist/silero_vad_${name}.onnx`;
    const bytes = readFileSync(join(dirname(manifest), file));
    return {
      name,
      bytes,
      digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
      uri: `https://unpkg.com/${PACKAGE}@${version}/${file}`,
      tags: { ...LICENCE, release: name, package: `${PACKAGE}@${version}` },
    };
  };
  return [read('v5'), read('v6')];
}
