/**
 * One program, many roles: the first argument says which. This file knows their names and what each needs; `main/` holds
 * one file for each, and what they are made of. Only there are adapters constructed and joined, and only here is the
 * process ended. Each role loads its own code alone, by `import()`: a model server is started once per replica, and carries
 * neither a GraphQL server nor the configuration's schema (zod alone is 19 MB) in its memory.
 */
import { type Program, type Role, runProgram, runRole } from './start/run.ts';

const ROLES: Record<string, Role> = {
  all: { needs: ['database', 'cluster', 'folder'], start: async (parts) => (await import('./main/all.ts')).all(parts) },
  api: { needs: ['database', 'cluster', 'folder'], start: async (parts) => (await import('./main/api.ts')).api(parts) },
  relay: {
    needs: ['database', 'cluster', 'folder'],
    start: async (parts) => (await import('./main/relay.ts')).relay(parts),
  },
  controller: {
    needs: ['cluster'],
    start: async (parts) => (await import('./main/controller.ts')).controllerAlone(parts),
  },
  cluster: { needs: ['folder'], start: async (parts) => (await import('./main/cluster.ts')).cluster(parts) },
  node: { needs: ['cluster', 'pods', 'folder'], start: async (parts) => (await import('./main/node.ts')).node(parts) },
};
const PROGRAMS: Record<string, Program> = {
  'model-server': async (argv, log) => (await import('./main/programs.ts')).modelServer(argv, log),
  install: async (argv, log) => (await import('./main/setUp.ts')).installProgram(argv, log),
  uninstall: async (argv, log) => (await import('./main/setUp.ts')).uninstallProgram(argv, log),
  'fetch-artifact': async (argv, log) => (await import('./main/programs.ts')).fetchArtifact(argv, log),
};

if (Number(process.versions.node.split('.')[0]) < 22) {
  process.stderr.write(
    `CLOps runs on the Node that comes with it: use \`npm start\`, or node_modules/.bin/node. This is Node ${process.versions.node}.\n`,
  );
  process.exit(1);
}
const [name = 'all', ...argv] = process.argv.slice(2);
const role = ROLES[name];
const program = PROGRAMS[name];
if (role) process.exit(await runRole(name, role));
if (program) process.exit(await runProgram(name, program, argv));
const known = [...Object.keys(ROLES), ...Object.keys(PROGRAMS)];
process.stderr.write(`There is no role "${name}". The roles are: ${known.join(', ')}.\n`);
process.exit(2);
