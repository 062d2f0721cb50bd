import 'reflect-metadata';
import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { buildApiSchema } from '../../src/api/schema.ts';
import { GRAPHIQL_TABS } from '../../src/start/tabs.ts';
import { thingsToTry } from '../../src/start/tries.ts';

test('what GraphiQL opens with, and what the table says to try, is what the API answers', () => {
  const schema = buildApiSchema();
  for (const { query } of GRAPHIQL_TABS) expect(validate(schema, parse(query))).toEqual([]);
  const [ask] = thingsToTry('http://here', "/a folder/it's/token", undefined);
  expect(ask?.command).toContain(`cat '/a folder/it'\\''s/token'`);
  const { query } = JSON.parse(/-d '(.*)'/.exec(ask?.command ?? '')?.[1] ?? '') as { query: string };
  expect(validate(schema, parse(query))).toEqual([]);
});
