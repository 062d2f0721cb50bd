CREATE TABLE "clops"."cluster" (
	"one" text PRIMARY KEY DEFAULT 'cluster' NOT NULL,
	"uid" text NOT NULL,
	"since" timestamp(3) with time zone NOT NULL,
	"seen_at" timestamp(3) with time zone NOT NULL,
	"refused_uid" text
);
--> statement-breakpoint
ALTER TABLE "clops"."rollout_commands" ADD COLUMN "step_index" integer;--> statement-breakpoint
ALTER TABLE "clops"."deployments" ADD COLUMN "rollouts_before" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "operations_at" ON "clops"."operations" USING btree ("at");