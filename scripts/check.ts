/**
 * `npm run check`: everything that can be said of the sources without running the platform, all at once, in seconds. One
 * line for each check; what a failed one printed follows. `npm run check -- lint dead` runs only those.
 */
import { spawn } from 'node:child_process';

const CHECKS: Readonly<Record<string, { command: string; wrong: string }>> = {
  types: { command: 'tsc -p tsconfig.json', wrong: 'The compiler says where.' },
  lint: {
    command: 'biome check --error-on-warnings --max-diagnostics=30 .',
    wrong: '`npm run format` mends what can be mended by itself.',
  },
  dead: { command: 'knip --no-config-hints', wrong: 'Use it, stop exporting it, or remove it.' },
  schema: {
    command: 'node scripts/setup.cjs schema && node scripts/schema.ts --check',
    wrong: '`npm run schema` writes both files.',
  },
  client: {
    command: 'graphql-codegen --config codegen.ts --check',
    wrong: '`npm run codegen` makes the typed documents of the client anew.',
  },
  migrations: { command: 'node scripts/migration.ts --check', wrong: '`npm run migration -- --name what_it_does`.' },
  docs: {
    command: 'node scripts/docs.ts --check',
    wrong: '`npm run docs` writes the pages that are made from the code.',
  },
  manifests: {
    command: 'node scripts/manifests.ts --check',
    wrong: '`npm run manifests` renders deploy/base from the chart; it needs Helm 3.',
  },
  architecture: {
    command: 'vitest run --project unit --reporter=dot test/architecture.test.ts',
    wrong: 'The table of rooms at the head of that test says what may import what.',
  },
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  console.error(`There is no check ${unknown.join(', ')}. The checks are: ${Object.keys(CHECKS).join(', ')}.`);
  process.exitCode = 2;
} else {
  const passed = await Promise.all(
    Object.keys(CHECKS)
      .filter((name) => asked.length === 0 || asked.includes(name))
      .map(run),
  );
  const failed = passed.filter((ok) => !ok).length;
  console.log(failed === 0 ? `All ${passed.length} checks passed.` : `${failed} of ${passed.length} checks failed.`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function run(name: string): Promise<boolean> {
  const { command, wrong } = CHECKS[name] as (typeof CHECKS)[string];
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('close', (code) => {
      const took = `(${((performance.now() - began) / 1000).toFixed(1)} s)`;
      console.log(`${code === 0 ? '✓' : '✗'} ${name} ${took}`);
      if (code !== 0) console.log(`\n${Buffer.concat(output).toString('utf8').trim()}\n→ ${wrong}\n`);
      resolve(code === 0);
    });
  });
}
