import { defineConfig } from 'vite';

export default defineConfig({
  base: '/graphiql/',
  build: { outDir: 'dist', assetsDir: '', chunkSizeWarningLimit: 4000, license: { fileName: 'licenses.md' } },
});
