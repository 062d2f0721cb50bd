import 'reflect-metadata';
import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { buildApiSchema } from '../../src/api/schema.ts';
import { GRAPHIQL_TABS } from '../../src/start/tabs.ts';
import { thingsToTry } from '../../src/start/tries.ts';

test('what GraphiQL opens with, and what the table says to try, is what the API answers', () => {
  const schema = buildApiSchema();
  for (const { query } of GRAPHIQL_TABS) {
    expect(validate(schema, parse(query))).toEqual([]);
    // As many letters as the editor has at 390 pixels.
    for (const line of query.split('\n')) expect(line.length, line).toBeLessThanOrEqual(32);
  }
  const tokenFile = "/a folder/it's/token";
  const config = { dataDir: '/data' };
  const [ask] = thingsToTry({
    url: 'http://here',
    tokenFile,
    kubeconfig: undefined,
    demo: undefined,
    root: '/root',
    config,
  });
  expect(ask?.command).toContain(`cat '/a folder/it'\\''s/token'`);
  const { query } = JSON.parse(/-d '(.*)'/.exec(ask?.command ?? '')?.[1] ?? '') as { query: string };
  expect(validate(schema, parse(query))).toEqual([]);
});

test.each([
  ['running', 'Watch its canary:', 'rollouts watch vad'],
  ['aborted', 'Its canary was aborted. Start it again:', 'retry vad'],
  ['ended', 'Its canary has ended. Go back to what was stable before:', 'rollback vad'],
  ['returned', 'It went back to its first version. Start the second one again:', 'deploy vad@2'],
  ['none', 'Start its second version as a canary:', 'deploy vad@2'],
] as const)('with a canary that is %s the table says what can be done now', (canary, what, command) => {
  const [, second] = thingsToTry({
    url: 'http://here',
    tokenFile: '/token',
    kubeconfig: undefined,
    demo: { inferUrl: 'http://there', canary },
    root: '/root',
    config: { dataDir: '/data' },
  });
  expect(second).toEqual({ what, command: `CLOPS_DATA_DIR=/data npx clops ${command}` });
});
