import 'reflect-metadata';
import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { buildApiSchema } from '../../src/api/schema.ts';
import { GRAPHIQL_TABS } from '../../src/start/tabs.ts';
import { thingsToTry } from '../../src/start/tries.ts';

test('what GraphiQL opens with, and what the table says to try, is what the API answers', () => {
  const schema = buildApiSchema();
  for (const { query } of GRAPHIQL_TABS) expect(validate(schema, parse(query))).toEqual([]);
  const tokenFile = "/a folder/it's/token";
  const config = { dataDir: '/data', httpPort: 4000 };
  const [ask] = thingsToTry({
    url: 'http://here',
    tokenFile,
    kubeconfig: undefined,
    inferUrl: undefined,
    root: '/root',
    config,
  });
  expect(ask?.command).toContain(`cat '/a folder/it'\\''s/token'`);
  const { query } = JSON.parse(/-d '(.*)'/.exec(ask?.command ?? '')?.[1] ?? '') as { query: string };
  expect(validate(schema, parse(query))).toEqual([]);
});
