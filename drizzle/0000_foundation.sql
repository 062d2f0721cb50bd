CREATE SCHEMA IF NOT EXISTS "clops";
--> statement-breakpoint
CREATE TABLE "clops"."event_head" (
	"one" text PRIMARY KEY DEFAULT 'head' NOT NULL,
	"seq" bigint NOT NULL,
	"first_seq" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."events" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"type" text NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"subject_id" text,
	"team_id" text,
	"actor_id" text NOT NULL,
	"operation_id" text,
	"message" text NOT NULL,
	"data" jsonb NOT NULL,
	"about" text[] NOT NULL,
	"recorded_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."operations" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"actor_id" text NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"idempotency_key" text,
	"input_hash" text NOT NULL,
	"state" text NOT NULL,
	"error" text,
	"subjects" text[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."outbox" (
	"position" bigserial PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"type" text NOT NULL,
	"at" timestamp(3) with time zone NOT NULL,
	"subject_id" text,
	"team_id" text,
	"actor_id" text NOT NULL,
	"operation_id" text,
	"message" text NOT NULL,
	"data" jsonb NOT NULL,
	"about" text[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."experiments" (
	"id" text PRIMARY KEY NOT NULL,
	"team_id" text NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"tags" jsonb NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."run_metrics" (
	"run_id" text NOT NULL,
	"key" text NOT NULL,
	"step" bigint NOT NULL,
	"value" double precision,
	"at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "run_metrics_run_id_key_step_pk" PRIMARY KEY("run_id","key","step")
);
--> statement-breakpoint
CREATE TABLE "clops"."runs" (
	"id" text PRIMARY KEY NOT NULL,
	"experiment_id" text NOT NULL,
	"name" text NOT NULL,
	"state" text NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"finished_at" timestamp(3) with time zone,
	"created_by" text NOT NULL,
	"parameters" jsonb NOT NULL,
	"tags" jsonb NOT NULL,
	"source" jsonb,
	"datasets" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."actors" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"is_platform_admin" boolean DEFAULT false NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."teams" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"display_name" text NOT NULL,
	"namespace" text NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."aliases" (
	"model_id" text NOT NULL,
	"name" text NOT NULL,
	"version_id" text NOT NULL,
	"moved_at" timestamp(3) with time zone NOT NULL,
	"moved_by" text NOT NULL,
	CONSTRAINT "aliases_model_id_name_pk" PRIMARY KEY("model_id","name")
);
--> statement-breakpoint
CREATE TABLE "clops"."model_versions" (
	"id" text PRIMARY KEY NOT NULL,
	"model_id" text NOT NULL,
	"number" integer NOT NULL,
	"description" text NOT NULL,
	"tags" jsonb NOT NULL,
	"format" text NOT NULL,
	"digest" text NOT NULL,
	"origin_uri" text,
	"size_bytes" bigint NOT NULL,
	"signature" jsonb,
	"source" jsonb,
	"parameters" jsonb NOT NULL,
	"metrics" jsonb NOT NULL,
	"run_id" text,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."models" (
	"id" text PRIMARY KEY NOT NULL,
	"team_id" text NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"tags" jsonb NOT NULL,
	"last_version" integer NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."rollout_commands" (
	"operation_id" text PRIMARY KEY NOT NULL,
	"deployment_id" text NOT NULL,
	"rollout_id" text NOT NULL,
	"verb" text NOT NULL,
	"to" text,
	"reason" text,
	"by" text NOT NULL,
	"state" text NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."deployments" (
	"id" text PRIMARY KEY NOT NULL,
	"team_id" text NOT NULL,
	"namespace" text NOT NULL,
	"name" text NOT NULL,
	"model_id" text NOT NULL,
	"generation" integer NOT NULL,
	"published_generation" integer NOT NULL,
	"version_id" text NOT NULL,
	"runtime" text NOT NULL,
	"replicas" integer NOT NULL,
	"resources" jsonb NOT NULL,
	"placement" jsonb NOT NULL,
	"strategy" jsonb,
	"paused" boolean NOT NULL,
	"operation_id" text,
	"open_operations" text[] NOT NULL,
	"rollout_id" text,
	"uid" text,
	"resource_generation" integer,
	"resource_version" text,
	"phase" text NOT NULL,
	"status" jsonb NOT NULL,
	"delete_requested_at" timestamp(3) with time zone,
	"gone_at" timestamp(3) with time zone,
	"created_at" timestamp(3) with time zone NOT NULL,
	"updated_at" timestamp(3) with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."revisions" (
	"id" text PRIMARY KEY NOT NULL,
	"deployment_id" text NOT NULL,
	"number" integer NOT NULL,
	"hash" text NOT NULL,
	"version_id" text NOT NULL,
	"runtime" text NOT NULL,
	"resources" jsonb NOT NULL,
	"placement" jsonb NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL,
	"created_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clops"."rollouts" (
	"id" text PRIMARY KEY NOT NULL,
	"deployment_id" text NOT NULL,
	"number" integer,
	"from_revision_id" text,
	"to_revision_id" text NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"finished_at" timestamp(3) with time zone,
	"started_by" text NOT NULL,
	"phase" text NOT NULL,
	"outcome" text,
	"message" text NOT NULL,
	"reason" text,
	"step_index" integer NOT NULL,
	"steps" jsonb NOT NULL,
	"step_times" jsonb NOT NULL,
	"weight" integer NOT NULL,
	"paused_at" timestamp(3) with time zone,
	"paused_before_seconds" integer NOT NULL,
	"abort" jsonb,
	"operation_id" text
);
--> statement-breakpoint
ALTER TABLE "clops"."experiments" ADD CONSTRAINT "experiments_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "clops"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."experiments" ADD CONSTRAINT "experiments_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."run_metrics" ADD CONSTRAINT "run_metrics_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "clops"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."runs" ADD CONSTRAINT "runs_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "clops"."experiments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."runs" ADD CONSTRAINT "runs_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."teams" ADD CONSTRAINT "teams_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."aliases" ADD CONSTRAINT "aliases_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "clops"."models"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."aliases" ADD CONSTRAINT "aliases_version_id_model_versions_id_fk" FOREIGN KEY ("version_id") REFERENCES "clops"."model_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."aliases" ADD CONSTRAINT "aliases_moved_by_actors_id_fk" FOREIGN KEY ("moved_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."model_versions" ADD CONSTRAINT "model_versions_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "clops"."models"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."model_versions" ADD CONSTRAINT "model_versions_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "clops"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."model_versions" ADD CONSTRAINT "model_versions_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."models" ADD CONSTRAINT "models_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "clops"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."models" ADD CONSTRAINT "models_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."rollout_commands" ADD CONSTRAINT "rollout_commands_deployment_id_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "clops"."deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."rollout_commands" ADD CONSTRAINT "rollout_commands_rollout_id_rollouts_id_fk" FOREIGN KEY ("rollout_id") REFERENCES "clops"."rollouts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."deployments" ADD CONSTRAINT "deployments_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "clops"."teams"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."deployments" ADD CONSTRAINT "deployments_model_id_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "clops"."models"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."deployments" ADD CONSTRAINT "deployments_version_id_model_versions_id_fk" FOREIGN KEY ("version_id") REFERENCES "clops"."model_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."deployments" ADD CONSTRAINT "deployments_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."revisions" ADD CONSTRAINT "revisions_deployment_id_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "clops"."deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."revisions" ADD CONSTRAINT "revisions_version_id_model_versions_id_fk" FOREIGN KEY ("version_id") REFERENCES "clops"."model_versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."revisions" ADD CONSTRAINT "revisions_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."rollouts" ADD CONSTRAINT "rollouts_deployment_id_deployments_id_fk" FOREIGN KEY ("deployment_id") REFERENCES "clops"."deployments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."rollouts" ADD CONSTRAINT "rollouts_from_revision_id_revisions_id_fk" FOREIGN KEY ("from_revision_id") REFERENCES "clops"."revisions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."rollouts" ADD CONSTRAINT "rollouts_to_revision_id_revisions_id_fk" FOREIGN KEY ("to_revision_id") REFERENCES "clops"."revisions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clops"."rollouts" ADD CONSTRAINT "rollouts_started_by_actors_id_fk" FOREIGN KEY ("started_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "events_id" ON "clops"."events" USING btree ("id");--> statement-breakpoint
CREATE INDEX "events_about" ON "clops"."events" USING gin ("about");--> statement-breakpoint
CREATE INDEX "events_operation" ON "clops"."events" USING btree ("operation_id","seq");--> statement-breakpoint
CREATE INDEX "events_team" ON "clops"."events" USING btree ("team_id","seq");--> statement-breakpoint
CREATE UNIQUE INDEX "operations_idempotency" ON "clops"."operations" USING btree ("actor_id","idempotency_key") WHERE "clops"."operations"."idempotency_key" is not null;--> statement-breakpoint
CREATE INDEX "operations_open" ON "clops"."operations" USING btree ("state") WHERE "clops"."operations"."state" in ('ACCEPTED', 'PUBLISHED');--> statement-breakpoint
CREATE UNIQUE INDEX "experiments_name" ON "clops"."experiments" USING btree ("team_id","name");--> statement-breakpoint
CREATE INDEX "experiments_by_name" ON "clops"."experiments" USING btree ("name","id");--> statement-breakpoint
CREATE INDEX "runs_experiment" ON "clops"."runs" USING btree ("experiment_id","started_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "actors_name" ON "clops"."actors" USING btree ("kind","name");--> statement-breakpoint
CREATE UNIQUE INDEX "teams_name" ON "clops"."teams" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "teams_namespace" ON "clops"."teams" USING btree ("namespace");--> statement-breakpoint
CREATE INDEX "teams_created" ON "clops"."teams" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "aliases_version" ON "clops"."aliases" USING btree ("version_id");--> statement-breakpoint
CREATE UNIQUE INDEX "model_versions_number" ON "clops"."model_versions" USING btree ("model_id","number");--> statement-breakpoint
CREATE INDEX "model_versions_digest" ON "clops"."model_versions" USING btree ("digest");--> statement-breakpoint
CREATE INDEX "model_versions_run" ON "clops"."model_versions" USING btree ("run_id");--> statement-breakpoint
CREATE UNIQUE INDEX "models_name" ON "clops"."models" USING btree ("team_id","name");--> statement-breakpoint
CREATE INDEX "models_by_name" ON "clops"."models" USING btree ("name","id");--> statement-breakpoint
CREATE INDEX "rollout_commands_open" ON "clops"."rollout_commands" USING btree ("deployment_id") WHERE "clops"."rollout_commands"."state" in ('PENDING', 'PUBLISHED');--> statement-breakpoint
CREATE UNIQUE INDEX "deployments_name" ON "clops"."deployments" USING btree ("namespace","name") WHERE "clops"."deployments"."gone_at" is null;--> statement-breakpoint
CREATE INDEX "deployments_team" ON "clops"."deployments" USING btree ("team_id","name");--> statement-breakpoint
CREATE INDEX "deployments_model" ON "clops"."deployments" USING btree ("model_id","name");--> statement-breakpoint
CREATE INDEX "deployments_version" ON "clops"."deployments" USING btree ("version_id");--> statement-breakpoint
CREATE INDEX "deployments_unpublished" ON "clops"."deployments" USING btree ("id") WHERE "clops"."deployments"."published_generation" < "clops"."deployments"."generation";--> statement-breakpoint
CREATE UNIQUE INDEX "revisions_number" ON "clops"."revisions" USING btree ("deployment_id","number");--> statement-breakpoint
CREATE INDEX "revisions_version" ON "clops"."revisions" USING btree ("version_id");--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_number" ON "clops"."rollouts" USING btree ("deployment_id","number");--> statement-breakpoint
CREATE INDEX "rollouts_deployment" ON "clops"."rollouts" USING btree ("deployment_id","started_at","id");--> statement-breakpoint
CREATE INDEX "rollouts_started" ON "clops"."rollouts" USING btree ("started_at","id");