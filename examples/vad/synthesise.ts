/**
 * Makes clip.wav, four seconds that a voice activity detector takes for speech, and request.json, one frame of it as an
 * inference request. No recording and no voice of anybody: a glottal pulse and noise go through four resonators (formants)
 * whose frequencies glide from sound to sound, which is how speech has been synthesised since the 1960s.
 *
 *   node examples/vad/synthesise.ts
 */
import { writeFileSync } from 'node:fs';

const RATE = 16_000;
const SECONDS = 4;
/** In the middle of a vowel. */
const VOICED_FRAME = 80;
const BANDWIDTHS = [70, 100, 140, 250];
const FOURTH_FORMANT = 3500;
/** How fast the mouth gets from one sound to the next. */
const GLIDE = 1 / (0.015 * RATE);

interface Sound {
  seconds: number;
  formants: readonly [number, number, number];
  voice: number;
  noise: number;
  loudness: number;
}

const sound = (
  seconds: number,
  formants: Sound['formants'],
  voice: number,
  noise: number,
  loudness: number,
): Sound => ({
  seconds,
  formants,
  voice,
  noise,
  loudness,
});

/** Formants of an adult's vowels as Peterson and Barney measured them in 1952; consonants by ear. */
const SOUNDS: Record<string, Sound> = {
  h: sound(0.06, [500, 1500, 2500], 0, 0.25, 0.5),
  e: sound(0.1, [530, 1840, 2480], 1, 0, 1),
  l: sound(0.07, [360, 1300, 2700], 1, 0, 0.6),
  o: sound(0.16, [570, 840, 2410], 1, 0, 1),
  w: sound(0.07, [290, 610, 2150], 1, 0, 0.6),
  r: sound(0.09, [420, 1300, 1600], 1, 0, 0.8),
  d: sound(0.05, [300, 1700, 2600], 0.4, 0.1, 0.3),
  i: sound(0.13, [270, 2290, 3010], 1, 0, 0.9),
  z: sound(0.08, [300, 1700, 2600], 0.6, 0.3, 0.5),
  n: sound(0.08, [280, 1700, 2600], 1, 0, 0.5),
  a: sound(0.08, [500, 1500, 2500], 1, 0, 0.8),
  ' ': sound(0.04, [500, 1500, 2500], 0, 0, 0),
};

/** When each phrase begins, in seconds; between them is silence. */
const PHRASES: readonly { at: number; sounds: string }[] = [
  { at: 0.6, sounds: 'helo warld' },
  { at: 2.2, sounds: 'iz eniwan der' },
];

/** The same clip every time: 16 kHz, -1 to 1. */
export function synthesise(): Float32Array {
  const noise = noiseSource(7);
  const voice = new Float64Array(RATE * SECONDS);
  for (const { at, sounds } of PHRASES) {
    voice.set(
      speak(
        [...sounds].map((letter) => SOUNDS[letter] as Sound),
        noise,
      ),
      Math.round(at * RATE),
    );
  }
  const peak = voice.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // A little room noise: digital silence is nothing that a microphone hears.
  return Float32Array.from(voice, (value) => (value / peak) * 0.6 + noise() * 0.0008);
}

function speak(sounds: readonly Sound[], noise: () => number): number[] {
  const out: number[] = [];
  const total = sounds.reduce((sum, { seconds }) => sum + seconds, 0);
  const mouth = { formants: [...(sounds[0]?.formants ?? [])], voice: 0, noise: 0, loudness: 0 };
  const resonators = BANDWIDTHS.map(resonator);
  let phase = 0;
  for (const to of sounds) {
    for (let i = 0; i < to.seconds * RATE; i++) {
      mouth.formants = mouth.formants.map((from, n) => from + ((to.formants[n] ?? 0) - from) * GLIDE * 0.8);
      mouth.voice += (to.voice - mouth.voice) * GLIDE;
      mouth.noise += (to.noise - mouth.noise) * GLIDE;
      mouth.loudness += (to.loudness - mouth.loudness) * GLIDE;
      const seconds = out.length / RATE;
      // The pitch falls over a phrase, sways, and is never quite steady.
      phase += (135 - (35 * seconds) / total + 12 * Math.sin(2 * Math.PI * 2.3 * seconds) + 1.5 * noise()) / RATE;
      phase %= 1;
      const breath = (mouth.noise + 0.02 * mouth.voice) * 0.6 * noise();
      const source = mouth.loudness * (mouth.voice * glottis(phase) + breath);
      const frequencies = [...mouth.formants, FOURTH_FORMANT];
      out.push(resonators.reduce((value, resonate, n) => resonate(value, frequencies[n] ?? 0), source));
    }
  }
  return out;
}

/** The vocal folds open slowly and close fast; closed, nothing comes. */
function glottis(phase: number): number {
  return phase < 0.4 ? Math.sin((Math.PI * phase) / 0.4) * (phase < 0.3 ? 0.5 : -1.2) : 0;
}

/** Klatt's digital resonator, its frequency given with every sample. */
function resonator(bandwidth: number): (value: number, frequency: number) => number {
  let [before, last] = [0, 0];
  const radius = Math.exp((-Math.PI * bandwidth) / RATE);
  const c = -radius * radius;
  return (value, frequency) => {
    const b = 2 * radius * Math.cos((2 * Math.PI * frequency) / RATE);
    const y = (1 - b - c) * value + b * last + c * before;
    [before, last] = [last, y];
    return y;
  };
}

/** -1 to 1, the same sequence for the same seed. */
function noiseSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function wav(samples: Float32Array): Buffer {
  const file = Buffer.alloc(44 + samples.length * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20); // PCM
  file.writeUInt16LE(1, 22); // mono
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(RATE * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(samples.length * 2, 40);
  for (const [i, value] of samples.entries()) file.writeInt16LE(Math.round(value * 32_767), 44 + i * 2);
  return file;
}

/** 64 samples of what came before and 512 that are new: what Silero VAD is asked about, from a state of zeros. */
function request(samples: Float32Array, frame: number): object {
  const data = [...samples.subarray(frame * 512 - 64, frame * 512 + 512)].map((value) => Math.round(value * 1e4) / 1e4);
  return {
    inputs: [
      { name: 'input', datatype: 'FP32', shape: [1, data.length], data },
      { name: 'state', datatype: 'FP32', shape: [2, 1, 128], data: new Array(256).fill(0) },
      { name: 'sr', datatype: 'INT64', shape: [], data: [RATE] },
    ],
    outputs: [{ name: 'output' }],
  };
}

if (import.meta.main) {
  const samples = synthesise();
  writeFileSync(new URL('clip.wav', import.meta.url), wav(samples));
  writeFileSync(new URL('request.json', import.meta.url), `${JSON.stringify(request(samples, VOICED_FRAME))}\n`);
}
