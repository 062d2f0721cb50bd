/** The program as `npm start` runs it. One that was built from other sources is refused: a test of it says nothing of them. */
import { join } from 'node:path';
import { requireBuilt } from './built.ts';

const ROOT = join(import.meta.dirname, '..', '..');

requireBuilt(ROOT);

export const MAIN = join(ROOT, 'dist', 'main.js');
