#!/usr/bin/env node
/** The command line. The machine's Node may be older than what the libraries need: then the Node that came with npm runs it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../dist/cli/index.js', import.meta.url));
const ownNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

const [major, minor] = process.versions.node.split('.').map(Number);
const newEnough = major > 22 || (major === 22 && minor >= 19);

if (!existsSync(cli)) {
  process.stderr.write('CLOps is not built yet: run `npm start` in its folder once.\n');
  process.exit(1);
} else if (newEnough) {
  await import(cli);
} else if (existsSync(ownNode)) {
  const child = spawn(ownNode, [cli, ...process.argv.slice(2)], { stdio: 'inherit', argv0: process.argv[1] });
  // `argv0`: hints are said as this file was called. The terminal signals both; the child decides what an interrupt means, and this process ends as it does.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
} else {
  process.stderr.write(
    `clops needs Node 22.19 or newer, and this is Node ${process.versions.node}: run \`npm ci\`, which brings one.\n`,
  );
  process.exit(1);
}
