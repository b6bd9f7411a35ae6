// @ts-check
// What runs as a process or a thread of its own, made into few files each: Node takes a millisecond and more for every module
// that it looks up, reads and links, and a process of a mesh has some 880 of them. All lie in dist/programs; the compiled file
// that everybody knows a program by hands on to it.
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { rolldown } from 'rolldown';

const PROGRAMS = [
  ...['auditor', 'autoscaler', 'compressor', 'gateway', 'registry', 'router', 'shard', 'trainer'].map(
    (service) => `services/${service}/main.js`,
  ),
  'services/shard/engine/engine.js',
  'services/shard/engine/probe-device.js',
  'services/compressor/worker/worker.js',
  'services/compressor/worker/edge-probe.js',
  'services/trainer/worker/worker.js',
  'services/mesh/placement/planner-worker.js',
  'client/massif.js',
  'deploy/local/control.js',
  'deploy/local/edge.js',
  'deploy/local/publish-examples.js',
  'deploy/local/start.js',
];
/** They find a native library, or WebAssembly, beside their own code. */
const KEPT_APART = /^(onnxruntime-node|highs)(\/|$)/;

/**
 * Of a compiled tree, in place.
 * @param {string} dist
 */
export async function bundlePrograms(dist) {
  const out = join(dist, 'programs');
  const named = new Map(
    PROGRAMS.map((program) => [program.replace(/\.js$/, '').replaceAll('/', '-'), program]),
  );
  const bundle = await rolldown({
    input: Object.fromEntries([...named].map(([name, program]) => [name, join(dist, program)])),
    platform: 'node',
    external: KEPT_APART,
    plugins: [
      {
        name: 'where-a-module-was',
        transform: {
          filter: { code: 'import.meta.url' },
          handler: (code, id) => code.replaceAll('import.meta.url', urlOf(relative(out, id))),
        },
      },
    ],
    onLog: (level, log, report) => {
      // What Nest would load for transports and validators that nobody installed.
      const isOptional = log.code === 'UNRESOLVED_IMPORT' && log.id?.includes(`${sep}node_modules${sep}`);
      if (level === 'warn' && !isOptional) report('error', log);
    },
  });
  // Names of classes are told to people, by Nest for one.
  const { output } = await bundle.write({
    dir: out,
    format: 'esm',
    keepNames: true,
    chunkFileNames: 'part-[name]-[hash].js',
  });
  await bundle.close();
  for (const file of output) {
    const program = file.type === 'chunk' && file.isEntry ? named.get(file.name) : undefined;
    if (program === undefined) continue;
    const path = join(dist, program);
    const there = relative(dirname(path), join(out, file.fileName)).replaceAll(sep, '/');
    await writeFile(path, `export * from '${there}';\n`);
    await rm(`${path}.map`, { force: true });
  }
}

/** The module's own address, written so that it holds in dist/programs. @param {string} path */
const urlOf = (path) => `new URL(${JSON.stringify(path.replaceAll(sep, '/'))}, import.meta.url).href`;
