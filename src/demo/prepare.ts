/**
 * Brings the demo to where `npm start` shows it: a model with two versions, the first one served, the second one behind a
 * canary. Looks first and makes what is missing, so it can be killed anywhere and run again. What a person has changed or
 * taken away stays so: each idempotency key works once in the life of a data folder.
 */
import type { Api } from './api.ts';
import { DEPLOYMENT, DESCRIPTION, MODEL, MODEL_TAGS, type Release, TEAM } from './vad.ts';

const REPLICAS = 4;
const STEPS = [{ setWeight: 10 }, { pause: { seconds: 30 } }, { setWeight: 50 }, { pause: {} }];
/** Long enough to read what is happening when the canary is promoted or aborted, short enough to see the end of it. */
const SCALE_DOWN_DELAY_SECONDS = 10;

interface Serving {
  id: string;
  phase: string;
  endpoint: { url: string } | null;
  rollouts: { totalCount: number };
}

interface Found {
  team: { id: string } | null;
  model: { id: string; versions: { nodes: { artifact: { digest: string } }[] } } | null;
  deployment: Serving | null;
}

/** Nothing of these will change by itself. Everything else is on its way. */
const SETTLED = ['HEALTHY', 'PAUSED', 'STOPPED', 'DELETING'];

/** Answers where it is served; nothing when a person has deleted or stopped it. */
export async function prepare(api: Api, releases: readonly [Release, Release]): Promise<string | undefined> {
  const found = await api.ask<Found>(LOOK, { team: TEAM, model: MODEL, deployment: DEPLOYMENT });
  let deployment = found.deployment ?? (await deployFirst(api, found, releases));
  if (!deployment) return undefined;
  const isFirst = deployment.rollouts.totalCount === 1;
  if (isFirst || !deployment.endpoint) {
    const isSettled = ({ phase }: Serving): boolean => SETTLED.includes(phase);
    deployment = await api.until(CHANGED, { deployment: deployment.id }, servingIn, isSettled);
  }
  const { phase, endpoint } = deployment;
  if (phase === 'STOPPED' || phase === 'DELETING') return undefined;
  if (isFirst && phase === 'HEALTHY') await deploySecond(api, releases[1]);
  return endpoint?.url;
}

/** `running`: its steps can be watched. `aborted`: it can be started again. `ended`: what it brought serves. */
export type Canary = 'running' | 'aborted' | 'ended' | 'returned' | 'none';

export async function canaryNow(api: Api): Promise<Canary> {
  const { deployment } = await api.ask<Last>(LAST, { team: TEAM, deployment: DEPLOYMENT });
  const rollout = deployment?.rollout;
  if (!rollout?.from) return 'none';
  if (rollout.finishedAt === null) return 'running';
  if (rollout.outcome === 'ABORTED') return 'aborted';
  // By a rollback, or by deploying the older one: who is back must not be told to go back.
  const isForward = rollout.to.version.number > rollout.from.version.number;
  return isForward && rollout.allowed.includes('ROLLBACK') ? 'ended' : 'returned';
}

interface Of {
  version: { number: number };
}
interface Last {
  deployment: {
    rollout: { from: Of | null; to: Of; finishedAt: string | null; outcome: string | null; allowed: string[] } | null;
  } | null;
}

const servingIn = ({ deploymentChanged }: { deploymentChanged: { deployment: Serving } }): Serving =>
  deploymentChanged.deployment;

async function deployFirst(
  api: Api,
  found: Found,
  releases: readonly [Release, Release],
): Promise<Serving | undefined> {
  if (!found.team) await api.ask(CREATE_TEAM, once('team', { name: TEAM, displayName: 'Speech' }));
  const model = found.model?.id ?? (await createModel(api));
  if (model === undefined) return undefined;
  await Promise.all(releases.map(({ digest, bytes }) => api.upload(digest, bytes)));
  const there = new Set(found.model?.versions.nodes.map(({ artifact }) => artifact.digest));
  for (const release of releases) if (!there.has(release.digest)) await createVersion(api, model, release);
  const [{ digest }] = releases;
  await api.ask(SET_ALIAS, once('alias', { model, name: 'champion', version: { digest } }));
  const input = {
    team: TEAM,
    name: DEPLOYMENT,
    model: MODEL,
    version: { digest },
    replicas: REPLICAS,
    resources: { cpu: '100m' },
  };
  const { deployModel } = await api.ask<Deployed>(DEPLOY, once('deployment', input));
  return deployModel.deployment ?? undefined;
}

interface Deployed {
  deployModel: { deployment: Serving | null };
}

async function createModel(api: Api): Promise<string | undefined> {
  const input = { team: TEAM, name: MODEL, description: DESCRIPTION, tags: MODEL_TAGS };
  const answer = await api.ask<{ createModel: { model: { id: string } | null } }>(CREATE_MODEL, once('model', input));
  return answer.createModel.model?.id;
}

async function createVersion(api: Api, model: string, { name, digest, uri, tags }: Release): Promise<void> {
  const input = { model, artifact: { digest, uri }, format: 'ONNX', description: `Silero VAD ${name}`, tags };
  await api.ask(CREATE_VERSION, once(`version-${name}`, input));
}

async function deploySecond(api: Api, { digest }: Release): Promise<void> {
  const canary = { steps: STEPS, scaleDownDelaySeconds: SCALE_DOWN_DELAY_SECONDS };
  const input = { team: TEAM, name: DEPLOYMENT, model: MODEL, version: { digest }, strategy: { canary } };
  await api.ask(DEPLOY, once('canary', input));
}

const once = (what: string, input: object): object => ({ input: { ...input, idempotencyKey: `demo-${what}` } });

const SERVING = 'id phase endpoint { url } rollouts(first: 1) { totalCount }';
const LOOK = `query Demo($team: String!, $model: String!, $deployment: String!) {
  team(name: $team) { id }
  model(team: $team, name: $model) { id versions(first: 100) { nodes { artifact { digest } } } }
  deployment(team: $team, name: $deployment) { ${SERVING} }
}`;
const LAST = `query DemoCanary($team: String!, $deployment: String!) {
  deployment(team: $team, name: $deployment) { rollout { from { version { number } } to { version { number } } finishedAt outcome allowed } }
}`;
const CREATE_TEAM = `mutation DemoTeam($input: CreateTeamInput!) {
  createTeam(input: $input) { errors { message } }
}`;
const CREATE_MODEL = `mutation DemoModel($input: CreateModelInput!) {
  createModel(input: $input) { model { id } errors { message } }
}`;
const CREATE_VERSION = `mutation DemoVersion($input: CreateModelVersionInput!) {
  createModelVersion(input: $input) { errors { message } }
}`;
const SET_ALIAS = `mutation DemoAlias($input: SetAliasInput!) {
  setAlias(input: $input) { errors { message } }
}`;
const DEPLOY = `mutation DemoDeploy($input: DeployModelInput!) {
  deployModel(input: $input) { deployment { ${SERVING} } errors { message } }
}`;
const CHANGED = `subscription DemoChanged($deployment: ID!) {
  deploymentChanged(deployment: $deployment) { deployment { ${SERVING} } }
}`;
