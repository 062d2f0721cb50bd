/** `npm run migration -- --name what_it_does`: the next migration from the tables. Read it before it is committed. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

execFileSync('drizzle-kit', ['generate', ...process.argv.slice(2)], { stdio: 'inherit' });
for (const name of readdirSync('drizzle').filter((file) => file.endsWith('.sql'))) {
  const path = `drizzle/${name}`;
  // The schema is there already: the table that remembers migrations lives in it.
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace('CREATE SCHEMA "clops"', 'CREATE SCHEMA IF NOT EXISTS "clops"'),
  );
}
