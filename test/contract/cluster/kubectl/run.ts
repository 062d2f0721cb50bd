/** Runs the script against one cluster and returns what each line said, without what differs from run to run. */
import { execFile } from 'node:child_process';
import { eventually } from '../../../support/eventually.ts';
import type { Line } from './script.ts';

export interface Spoken {
  line: string;
  said: string[];
}

export interface Kubectl {
  program: string;
  kubeconfig: string;
  /** Its cache is kept here. */
  home: string;
}

export async function run(kubectl: Kubectl, script: readonly Line[]): Promise<Spoken[]> {
  const spoken: Spoken[] = [];
  for (const step of script) {
    const once = (): Promise<string> => call(kubectl, step);
    const { until } = step;
    const text = until
      ? await eventually(
          async () => {
            const said = await once();
            if (!until.test(said)) throw new Error(`kubectl ${step.line} still says:\n${said}`);
            return said;
          },
          { withinMs: 30_000, everyMs: 200 },
        )
      : await once();
    spoken.push({ line: `kubectl ${step.line}`, said: normalised(text) });
  }
  return spoken;
}

function call({ program, kubeconfig, home }: Kubectl, { line, more = [], input = '' }: Line): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: kubeconfig, EDITOR: 'true' };
  return new Promise((resolve) => {
    const args = ['--cache-dir', `${home}/cache`, ...line.split(' '), ...more];
    const child = execFile(program, args, { env, timeout: 90_000 }, (error, out, err) =>
      resolve(`${out}${err}${error ? `exit code ${error.code ?? 'none'}\n` : ''}`),
    );
    child.stdin?.end(input);
  });
}

function normalised(text: string): string[] {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, 'TIME')
    .replace(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
    .replace(/(resourceVersion"?:) "?\d+"?/g, '$1 RV')
    .replace(/(Resource Version:\s+)\d+/g, '$1RV')
    .replace(/\/(LIVE|MERGED)-\d+/g, '/$1')
    .replace(/web-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, 'web-SET-POD')
    .replace(/web-[a-z0-9]{8,10}\b/g, 'web-SET')
    .replace(/(pod-template-hash[=:]"?\s?)[a-z0-9]+/g, '$1SET')
    .replace(/web-[a-z0-9]{5}\b/g, 'web-MADE')
    .replace(/^([-+]{3} \S+)\t.*$/gm, '$1')
    .replace(/(patch: Invalid value: )"(\\.|[^"\\])*"/g, '$1OBJECT')
    .replace(/(?<=\s)(\d+[smhd]){1,2}(?=\s|$|\))/gm, 'AGE')
    .split('\n')
    .map((line) => line.replace(/(\S) {2,}/g, '$1  ').trimEnd())
    .filter((line, at, all) => line !== '' && line !== all[at - 1]); // an event may have come twice
}
