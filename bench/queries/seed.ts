/** 1,000 models, half of them with 10 versions, 2,000 deployments with 10 replicas each: the size of a busy platform. One INSERT a table. */
import type pg from 'pg';

export async function seed(client: pg.Client): Promise<{ actorId: string; versionId: string }> {
  await client.query(`
    set search_path to clops;
    insert into actors (id, kind, name, is_platform_admin, created_at) values ('per_1', 'PERSON', 'admin', true, now());
    insert into teams (id, name, display_name, namespace, created_at, created_by)
      select 'team_' || i, 'team-' || i, 'Team ' || i, 'team-' || i, now(), 'per_1' from generate_series(1, 20) i;
    insert into models (id, team_id, name, description, tags, last_version, created_at, updated_at, created_by)
      select 'mdl_' || i, 'team_' || (i % 20 + 1), 'm' || (i % 10) || '-' || i, 'A model that does something', '{"task": "speech"}', 10, now() - i * interval '1 minute', now(), 'per_1' from generate_series(1, 1000) i;
    insert into model_versions (id, model_id, number, description, tags, format, digest, size_bytes, parameters, metrics, created_at, created_by)
      select 'ver_' || m || '_' || n, 'mdl_' || m, n, 'Better', '{}', 'ONNX', 'sha256:' || repeat('0', 64), 2327524, '{"rate": 16000}', '{"auc": 0.97}', now() - n * interval '1 hour', 'per_1'
      from generate_series(1, 500) m, generate_series(1, 10) n;
    insert into deployments (id, team_id, namespace, name, model_id, generation, published_generation, version_id, runtime, replicas, resources, placement, paused, open_operations, phase, status, created_at, updated_at, created_by)
      select 'dep_' || i, 'team_' || (i % 20 + 1), 'team-' || (i % 20 + 1), 'd-' || i, 'mdl_' || (i % 500 + 1), 1, 1, 'ver_' || (i % 500 + 1) || '_' || (10 - i % 5), 'onnx', 10, '{}', '{}', false, '{}', 'HEALTHY', '{}', now(), now(), 'per_1' from generate_series(1, 2000) i;
    insert into revisions (id, deployment_id, number, hash, version_id, runtime, resources, placement, created_at, created_by)
      select 'rev_' || i, 'dep_' || i, 1, 'h' || i, 'ver_' || (i % 500 + 1) || '_' || (10 - i % 5), 'onnx', '{}', '{}', now(), 'per_1' from generate_series(1, 2000) i;
    update models set last_version = 0 where id not in (select model_id from model_versions);
    analyze;
  `);
  return { actorId: 'per_1', versionId: 'ver_42_7' };
}
