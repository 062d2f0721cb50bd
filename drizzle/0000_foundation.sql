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
ALTER TABLE "clops"."teams" ADD CONSTRAINT "teams_created_by_actors_id_fk" FOREIGN KEY ("created_by") REFERENCES "clops"."actors"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "events_id" ON "clops"."events" USING btree ("id");--> statement-breakpoint
CREATE INDEX "events_about" ON "clops"."events" USING gin ("about");--> statement-breakpoint
CREATE INDEX "events_operation" ON "clops"."events" USING btree ("operation_id","seq");--> statement-breakpoint
CREATE INDEX "events_team" ON "clops"."events" USING btree ("team_id","seq");--> statement-breakpoint
CREATE UNIQUE INDEX "operations_idempotency" ON "clops"."operations" USING btree ("actor_id","idempotency_key") WHERE "clops"."operations"."idempotency_key" is not null;--> statement-breakpoint
CREATE INDEX "operations_open" ON "clops"."operations" USING btree ("state") WHERE "clops"."operations"."state" in ('ACCEPTED', 'PUBLISHED');--> statement-breakpoint
CREATE UNIQUE INDEX "actors_name" ON "clops"."actors" USING btree ("kind","name");--> statement-breakpoint
CREATE UNIQUE INDEX "teams_name" ON "clops"."teams" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "teams_namespace" ON "clops"."teams" USING btree ("namespace");--> statement-breakpoint
CREATE INDEX "teams_created" ON "clops"."teams" USING btree ("created_at","id");