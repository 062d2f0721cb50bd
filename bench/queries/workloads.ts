/** The five reads that the graph is measured by, each with the hand-written SQL that answers the same question. */
export interface Workload {
  name: string;
  what: string;
  query: string;
  /** One statement whose single column `answer` is the JSON text of `data`; null: no statement is needed. */
  sql: string | null;
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'Q1',
    what: 'a version by id, 10 scalars',
    query:
      'query ($id: ID!) { node(id: $id) { ... on ModelVersion { id number description tags createdAt format parameters metrics __typename artifact { digest sizeBytes } } } }',
    sql: `select json_build_object('node', json_build_object('id', v.id, 'number', v.number, 'description', v.description, 'tags', v.tags,
      'createdAt', v.created_at, 'format', v.format, 'parameters', v.parameters, 'metrics', v.metrics, '__typename', 'ModelVersion',
      'artifact', json_build_object('digest', v.digest, 'sizeBytes', v.size_bytes)))::text as answer
      from clops.model_versions v where v.id = $1`,
  },
  {
    name: 'Q2',
    what: '50 models with latest version and team',
    query:
      '{ models(first: 50) { nodes { id name description createdAt team { name } latestVersion { number format createdAt } } } }',
    sql: `select json_build_object('models', json_build_object('nodes', json_agg(json_build_object('id', m.id, 'name', m.name,
      'description', m.description, 'createdAt', m.created_at, 'team', json_build_object('name', t.name),
      'latestVersion', json_build_object('number', v.number, 'format', v.format, 'createdAt', v.created_at)) order by m.name)))::text as answer
      from (select * from clops.models order by name, id limit 50) m join clops.teams t on t.id = m.team_id
      left join clops.model_versions v on v.model_id = m.id and v.number = m.last_version where $1::text is not null`,
  },
  {
    name: 'Q3',
    what: '20 models → 5 versions → a deployment of each → its replicas',
    query:
      '{ models(first: 20) { nodes { name versions(first: 5) { nodes { number deployments(first: 1) { nodes { name phase currentReplicas { name ready version { number } } } } } } } } }',
    sql: null,
  },
  {
    name: 'Q4',
    what: '1,000 flat rows of 8 fields, in ten pages of 100',
    query: `{ ${Array.from({ length: 10 }, (_, i) => `p${i}: models(first: 100, where: { name: { startsWith: "m${i}" } }) { nodes { id name description tags createdAt __typename a: name b: id } }`).join(' ')} }`,
    sql: null,
  },
  { name: 'Q5', what: '`__typename`', query: '{ __typename }', sql: '' },
];
