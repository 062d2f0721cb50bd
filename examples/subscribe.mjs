/**
 * Follows the rollout of the demo's model until it ends: `node examples/subscribe.mjs` beside a running `npm start`,
 * with nothing installed but what that installed.
 */
import { readFileSync } from 'node:fs';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws'; // Node 20 has none of its own.

const folder = process.env.CLOPS_DATA_DIR ?? '.clops';
const [url, token] = ['url', 'token'].map((name) => readFileSync(`${folder}/${name}`, 'utf8').trim());
const authorization = `Bearer ${token}`;

const answer = await fetch(`${url}/graphql`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization },
  body: JSON.stringify({ query: '{ deployment(team: "speech", name: "vad") { rollout { id } } }' }),
});
const { rollout } = (await answer.json()).data.deployment;

const client = createClient({
  url: `${url.replace(/^http/, 'ws')}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
});
const query = `subscription ($rollout: ID!) {
  rolloutProgress(rollout: $rollout) { kind event { message } rollout { phase weight outcome message } }
}`;
for await (const { data, errors } of client.iterate({ query, variables: { rollout: rollout.id } })) {
  if (errors) throw new Error(errors[0].message);
  const { kind, event, rollout: now } = data.rolloutProgress;
  if (kind !== 'HEARTBEAT') console.log(`${now.phase} ${now.weight} %: ${event?.message ?? now.message}`);
  if (now.outcome) break;
}
await client.dispose();
