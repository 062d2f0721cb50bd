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
import { TALES } from './stories/index.ts';
import { told } from './stories/story.ts';
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

    async function compare(name: string, text: string): Promise<void> {
      const file = join(import.meta.dirname, 'recorded', `${name}.txt`);
      if (real) await expect(text.replace(/^(\s*- )\d+s$/gm, '$10s')).toMatchFileSnapshot(file);
      // A second may pass between making a thing and looking at its age.
      else expect(text.replace(/^(\s*- )\d+s$/gm, '$10s')).toBe(readFileSync(file, 'utf8'));
    }

    for (const [topic, steps] of Object.entries(TOPICS))
      test(`answers word for word: ${topic}`, async () => {
        await compare(topic, await transcript(lab, await lab.namespace('words'), steps));
      });

    for (const [topic, tale] of Object.entries(TALES))
      test(`goes on by itself in the same way: ${topic}`, { timeout: 120_000 }, async () => {
        await compare(`tale-${topic}`, await told(lab, await lab.namespace('tale'), tale));
      });
  });
}
