/** `npm run migration -- --name what_it_does` writes the next migration from the tables; read it before it is committed. */
import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/platform/db/schema.ts', './src/platform/events/tables.ts', './src/modules/*/tables.ts'],
  out: './drizzle',
  schemaFilter: ['clops'],
});
