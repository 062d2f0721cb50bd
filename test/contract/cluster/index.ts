/**
 * What the platform, its nodes and the kubectl lines of the README ask of a Kubernetes API, with the same expectations
 * of every cluster. Truth is the real API server: answers are recorded from it (`recorded/`), and where the local
 * cluster says something else, it is mended, or refuses and says so in docs/local-cluster.md.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, openLab, type Started } from './lab.ts';
import { TOPICS } from './requests/index.ts';
import { transcript } from './transcript.ts';

export interface SuiteOptions {
  /** Answers of this cluster are the ones that are recorded, with `vitest -u`. */
  real: boolean;
}

export function describeCluster(name: string, start: () => Promise<Started>, { real }: SuiteOptions): void {
  describe(`the cluster port over ${name}`, () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = openLab(await start());
      await lab.installCrds();
    });
    afterAll(() => lab?.close());

    for (const [topic, steps] of Object.entries(TOPICS)) {
      test(`answers word for word: ${topic}`, async () => {
        const text = await transcript(lab, await lab.namespace('words'), steps);
        const file = join(import.meta.dirname, 'recorded', `${topic}.txt`);
        if (real) await expect(text).toMatchFileSnapshot(file);
        else expect(text).toBe(readFileSync(file, 'utf8'));
      });
    }
  });
}
