/** The end of the API: what runs may finish, and nobody holds it for as long as he likes. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { expect, test } from 'vitest';
import { anApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

test('an upload that goes on and on is broken off', async () => {
  const t = await anApi();
  const digest = `sha256:${createHash('sha256').update('never all of it').digest('hex')}`;
  const upload = request(`${t.api.url}/artifacts/${digest}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-length': 1_000 },
  });
  const broken = once(upload, 'error');
  upload.write('half of it');
  await eventually(async () => expect((await t.services.artifacts.head(digest))?.receivedBytes).toBe(10));
  await t.close();
  expect(await broken).toMatchObject([{ code: 'ECONNRESET' }]);
});
