/** A test of dist says nothing of src when it was built from another: then it refuses to say anything. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireBuilt } from '../support/built.ts';

test('a build that is older than the sources, or not there, is refused in words', () => {
  const root = mkdtempSync(join(tmpdir(), 'clops-built-'));
  const [source, record] = [join(root, 'src', 'main.ts'), join(root, 'dist', '.tsbuildinfo')];
  for (const folder of ['src', 'dist']) mkdirSync(join(root, folder));
  try {
    writeFileSync(source, '');
    expect(() => requireBuilt(root)).toThrow('dist is older than src');
    writeFileSync(record, '');
    utimesSync(record, 3_000_000_000, 3_000_000_000);
    expect(() => requireBuilt(root)).not.toThrow();
    utimesSync(source, 3_000_000_001, 3_000_000_001);
    expect(() => requireBuilt(root)).toThrow('run `node scripts/setup.cjs test` first');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
