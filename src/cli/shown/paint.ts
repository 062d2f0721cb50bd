/** Colours and signs. A sign always says what its colour says: colour alone is lost in pipes and on some eyes. */
import pc from 'picocolors';
import { word } from './text.ts';

export type Paint = ReturnType<typeof pc.createColors>;

export const createPaint = (color: boolean): Paint => pc.createColors(color);

type Tone = 'green' | 'yellow' | 'red' | 'cyan' | 'dim';

const SIGNS: Readonly<Record<string, readonly [sign: string, tone: Tone]>> = {
  HEALTHY: ['✔', 'green'],
  RUNNING: ['✔', 'green'],
  PROMOTED: ['✔', 'green'],
  PAUSED: ['‖', 'cyan'],
  PENDING: ['◌', 'yellow'],
  PROGRESSING: ['◌', 'yellow'],
  VERIFYING: ['◌', 'yellow'],
  PROMOTING: ['◌', 'yellow'],
  ABORTING: ['◌', 'yellow'],
  DELETING: ['◌', 'yellow'],
  DEGRADED: ['✖', 'red'],
  ABORTED: ['✖', 'red'],
  FAILED: ['✖', 'red'],
  STOPPED: ['○', 'dim'],
  SUPERSEDED: ['•', 'dim'],
};

/** `✔ Healthy`. */
export function phase(paint: Paint, name: string): string {
  const [sign, tone] = SIGNS[name.toUpperCase()] ?? ['•', 'dim'];
  return paint[tone](`${sign} ${word(name)}`);
}
