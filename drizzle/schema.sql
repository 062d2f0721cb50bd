-- The database after all migrations. Written by `npm run schema`; do not edit.

create table clops.actors (
  id text not null,
  kind text not null,
  name text not null,
  is_platform_admin boolean default false not null,
  created_at timestamp(3) with time zone not null,
  constraint actors_pkey PRIMARY KEY (id)
);

create table clops.aliases (
  model_id text not null,
  name text not null,
  version_id text not null,
  moved_at timestamp(3) with time zone not null,
  moved_by text not null,
  constraint aliases_model_id_models_id_fk FOREIGN KEY (model_id) REFERENCES models(id),
  constraint aliases_model_id_name_pk PRIMARY KEY (model_id, name),
  constraint aliases_moved_by_actors_id_fk FOREIGN KEY (moved_by) REFERENCES actors(id),
  constraint aliases_version_id_model_versions_id_fk FOREIGN KEY (version_id) REFERENCES model_versions(id)
);

create table clops.cluster (
  one text default 'cluster'::text not null,
  uid text not null,
  since timestamp(3) with time zone not null,
  seen_at timestamp(3) with time zone not null,
  refused_uid text,
  constraint cluster_pkey PRIMARY KEY (one)
);

create table clops.deployments (
  id text not null,
  team_id text not null,
  namespace text not null,
  name text not null,
  model_id text not null,
  generation integer not null,
  published_generation integer not null,
  version_id text not null,
  runtime text not null,
  replicas integer not null,
  resources jsonb not null,
  placement jsonb not null,
  strategy jsonb,
  paused boolean not null,
  operation_id text,
  open_operations text[] not null,
  rollout_id text,
  uid text,
  resource_generation integer,
  resource_version text,
  phase text not null,
  status jsonb not null,
  delete_requested_at timestamp(3) with time zone,
  gone_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  created_by text not null,
  rollouts_before integer default 0 not null,
  constraint deployments_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint deployments_model_id_models_id_fk FOREIGN KEY (model_id) REFERENCES models(id),
  constraint deployments_pkey PRIMARY KEY (id),
  constraint deployments_team_id_teams_id_fk FOREIGN KEY (team_id) REFERENCES teams(id),
  constraint deployments_version_id_model_versions_id_fk FOREIGN KEY (version_id) REFERENCES model_versions(id)
);

create table clops.event_head (
  one text default 'head'::text not null,
  seq bigint not null,
  first_seq bigint not null,
  constraint event_head_pkey PRIMARY KEY (one)
);

create table clops.events (
  seq bigint not null,
  id text not null,
  type text not null,
  at timestamp(3) with time zone not null,
  subject_id text,
  team_id text,
  actor_id text not null,
  operation_id text,
  message text not null,
  data jsonb not null,
  about text[] not null,
  recorded_at timestamp(3) with time zone not null,
  constraint events_pkey PRIMARY KEY (seq)
);

create table clops.experiments (
  id text not null,
  team_id text not null,
  name text not null,
  description text not null,
  tags jsonb not null,
  created_at timestamp(3) with time zone not null,
  created_by text not null,
  constraint experiments_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint experiments_pkey PRIMARY KEY (id),
  constraint experiments_team_id_teams_id_fk FOREIGN KEY (team_id) REFERENCES teams(id)
);

create table clops.model_versions (
  id text not null,
  model_id text not null,
  number integer not null,
  description text not null,
  tags jsonb not null,
  format text not null,
  digest text not null,
  origin_uri text,
  size_bytes bigint not null,
  signature jsonb,
  source jsonb,
  parameters jsonb not null,
  metrics jsonb not null,
  run_id text,
  created_at timestamp(3) with time zone not null,
  created_by text not null,
  constraint model_versions_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint model_versions_model_id_models_id_fk FOREIGN KEY (model_id) REFERENCES models(id),
  constraint model_versions_pkey PRIMARY KEY (id),
  constraint model_versions_run_id_runs_id_fk FOREIGN KEY (run_id) REFERENCES runs(id)
);

create table clops.models (
  id text not null,
  team_id text not null,
  name text not null,
  description text not null,
  tags jsonb not null,
  last_version integer not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  created_by text not null,
  constraint models_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint models_pkey PRIMARY KEY (id),
  constraint models_team_id_teams_id_fk FOREIGN KEY (team_id) REFERENCES teams(id)
);

create table clops.operations (
  id text not null,
  name text not null,
  actor_id text not null,
  at timestamp(3) with time zone not null,
  idempotency_key text,
  input_hash text not null,
  state text not null,
  error text,
  subjects text[] not null,
  constraint operations_pkey PRIMARY KEY (id)
);

create table clops.outbox (
  position bigint default nextval('outbox_position_seq'::regclass) not null,
  id text not null,
  type text not null,
  at timestamp(3) with time zone not null,
  subject_id text,
  team_id text,
  actor_id text not null,
  operation_id text,
  message text not null,
  data jsonb not null,
  about text[] not null,
  constraint outbox_pkey PRIMARY KEY ("position")
);

create table clops.revisions (
  id text not null,
  deployment_id text not null,
  number integer not null,
  hash text not null,
  version_id text not null,
  runtime text not null,
  resources jsonb not null,
  placement jsonb not null,
  created_at timestamp(3) with time zone not null,
  created_by text not null,
  constraint revisions_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint revisions_deployment_id_deployments_id_fk FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  constraint revisions_pkey PRIMARY KEY (id),
  constraint revisions_version_id_model_versions_id_fk FOREIGN KEY (version_id) REFERENCES model_versions(id)
);

create table clops.rollout_commands (
  operation_id text not null,
  deployment_id text not null,
  rollout_id text not null,
  verb text not null,
  to text,
  reason text,
  by text not null,
  state text not null,
  created_at timestamp(3) with time zone not null,
  step_index integer,
  constraint rollout_commands_deployment_id_deployments_id_fk FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  constraint rollout_commands_pkey PRIMARY KEY (operation_id),
  constraint rollout_commands_rollout_id_rollouts_id_fk FOREIGN KEY (rollout_id) REFERENCES rollouts(id)
);

create table clops.rollouts (
  id text not null,
  deployment_id text not null,
  number integer,
  from_revision_id text,
  to_revision_id text not null,
  started_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone,
  started_by text not null,
  phase text not null,
  outcome text,
  message text not null,
  reason text,
  step_index integer not null,
  steps jsonb not null,
  step_times jsonb not null,
  weight integer not null,
  paused_at timestamp(3) with time zone,
  paused_before_seconds integer not null,
  abort jsonb,
  operation_id text,
  is_rollback boolean default false not null,
  skipped_steps integer[] default '{}'::integer[] not null,
  constraint rollouts_deployment_id_deployments_id_fk FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  constraint rollouts_from_revision_id_revisions_id_fk FOREIGN KEY (from_revision_id) REFERENCES revisions(id),
  constraint rollouts_pkey PRIMARY KEY (id),
  constraint rollouts_started_by_actors_id_fk FOREIGN KEY (started_by) REFERENCES actors(id),
  constraint rollouts_to_revision_id_revisions_id_fk FOREIGN KEY (to_revision_id) REFERENCES revisions(id)
);

create table clops.run_metrics (
  run_id text not null,
  key text not null,
  step bigint not null,
  value double precision,
  at timestamp(3) with time zone not null,
  constraint run_metrics_run_id_key_step_pk PRIMARY KEY (run_id, key, step),
  constraint run_metrics_run_id_runs_id_fk FOREIGN KEY (run_id) REFERENCES runs(id)
);

create table clops.runs (
  id text not null,
  experiment_id text not null,
  name text not null,
  state text not null,
  started_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone,
  created_by text not null,
  parameters jsonb not null,
  tags jsonb not null,
  source jsonb,
  datasets jsonb not null,
  constraint runs_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint runs_experiment_id_experiments_id_fk FOREIGN KEY (experiment_id) REFERENCES experiments(id),
  constraint runs_pkey PRIMARY KEY (id)
);

create table clops.teams (
  id text not null,
  name text not null,
  display_name text not null,
  namespace text not null,
  created_at timestamp(3) with time zone not null,
  created_by text not null,
  constraint teams_created_by_actors_id_fk FOREIGN KEY (created_by) REFERENCES actors(id),
  constraint teams_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX actors_name ON clops.actors USING btree (kind, name);
CREATE INDEX aliases_version ON clops.aliases USING btree (version_id);
CREATE INDEX deployments_model ON clops.deployments USING btree (model_id, name);
CREATE UNIQUE INDEX deployments_name ON clops.deployments USING btree (namespace, name) WHERE (gone_at IS NULL);
CREATE INDEX deployments_team ON clops.deployments USING btree (team_id, name);
CREATE INDEX deployments_unpublished ON clops.deployments USING btree (id) WHERE (published_generation < generation);
CREATE INDEX deployments_version ON clops.deployments USING btree (version_id);
CREATE INDEX events_about ON clops.events USING gin (about);
CREATE UNIQUE INDEX events_id ON clops.events USING btree (id);
CREATE INDEX events_operation ON clops.events USING btree (operation_id, seq);
CREATE INDEX events_team ON clops.events USING btree (team_id, seq);
CREATE INDEX experiments_by_name ON clops.experiments USING btree (name, id);
CREATE UNIQUE INDEX experiments_name ON clops.experiments USING btree (team_id, name);
CREATE INDEX model_versions_digest ON clops.model_versions USING btree (digest);
CREATE UNIQUE INDEX model_versions_number ON clops.model_versions USING btree (model_id, number);
CREATE INDEX model_versions_run ON clops.model_versions USING btree (run_id);
CREATE INDEX models_by_name ON clops.models USING btree (name, id);
CREATE UNIQUE INDEX models_name ON clops.models USING btree (team_id, name);
CREATE INDEX operations_at ON clops.operations USING btree (at);
CREATE UNIQUE INDEX operations_idempotency ON clops.operations USING btree (actor_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX operations_open ON clops.operations USING btree (state) WHERE (state = ANY (ARRAY['ACCEPTED'::text, 'PUBLISHED'::text]));
CREATE UNIQUE INDEX revisions_number ON clops.revisions USING btree (deployment_id, number);
CREATE INDEX revisions_version ON clops.revisions USING btree (version_id);
CREATE INDEX rollout_commands_open ON clops.rollout_commands USING btree (deployment_id) WHERE (state = ANY (ARRAY['PENDING'::text, 'PUBLISHED'::text]));
CREATE INDEX rollouts_deployment ON clops.rollouts USING btree (deployment_id, started_at, id);
CREATE UNIQUE INDEX rollouts_number ON clops.rollouts USING btree (deployment_id, number);
CREATE INDEX rollouts_started ON clops.rollouts USING btree (started_at, id);
CREATE INDEX runs_experiment ON clops.runs USING btree (experiment_id, started_at, id);
CREATE INDEX teams_created ON clops.teams USING btree (created_at, id);
CREATE UNIQUE INDEX teams_name ON clops.teams USING btree (name);
CREATE UNIQUE INDEX teams_namespace ON clops.teams USING btree (namespace);
