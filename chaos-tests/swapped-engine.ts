// Engines that run another model than the one they were given: what a host does that lies about what it serves. Everything before the session (signature,
// digests, scan) is as ever. Gives the environment of such a shard.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../deploy/local/root.mjs';

/** Bytes that engines add to a model on purpose. */
const TAPS_MAX = 4_096;

export async function swappedEngine(
  dir: string,
  registered: Uint8Array,
  served: Uint8Array,
): Promise<Record<string, string>> {
  const [model, preload] = [join(dir, 'served.onnx'), join(dir, 'swap.mjs')];
  await writeFile(model, served);
  await writeFile(
    preload,
    `import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
if (process.argv[1]?.endsWith('engine.js')) {
  const { InferenceSession } = createRequire(${JSON.stringify(join(root, 'package.json'))})('onnxruntime-node');
  const create = InferenceSession.create.bind(InferenceSession);
  const swaps = (length) => length >= ${registered.length} && length <= ${registered.length + TAPS_MAX};
  InferenceSession.create = (bytes, options) =>
    create(swaps(bytes.length) ? readFileSync(${JSON.stringify(model)}) : bytes, options);
}
`,
  );
  return { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}` };
}
