// A small model to watch: node deploy/examples/watched.mjs make [FOLDER] writes good.onnx, broken.onnx (the same network, answers of which many are no numbers)
// and clean.jsonl (1,500 requests as callers send them); node deploy/examples/watched.mjs ask [--drifted] [--count 400] asks the endpoint "mine".
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findMesh, processRuns } from '../../dist/client/cli/find-mesh.js';
import { connect } from '../../dist/client/mod.js';
import { GraphBuilder } from '../../dist/services/onnx/builder.js';
import { TensorProto_DataType as T } from '../../dist/services/onnx/proto/onnx_pb.js';
import { seeded } from '../../dist/services/onnx/seeded.js';
import { float32 } from '../../dist/services/onnx/tensor.js';

const [WIDTH, HIDDEN, CLASSES, CLEAN, AT_ONCE] = [64, 48, 4, 1_500, 8];
const REFUSED_WAIT_MS = 100;
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { drifted: { type: 'boolean', default: false }, count: { type: 'string', default: '400' } },
});
const [verb = '', folder = fileURLToPath(new URL('../../.massif/watched', import.meta.url))] = positionals;
if (verb === 'make') await make();
else if (verb === 'ask') await ask();
else throw new Error('say make or ask');

async function make() {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'good.onnx'), network(false));
  await writeFile(join(folder, 'broken.onnx'), network(true));
  const random = seeded(1);
  const lines = Array.from({ length: CLEAN }, () => {
    const data = Array.from(input(random, 0), (value) => Number(value.toFixed(5)));
    return JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, WIDTH], data }] });
  });
  await writeFile(join(folder, 'clean.jsonl'), `${lines.join('\n')}\n`);
  console.log(`good.onnx, broken.onnx and clean.jsonl are in ${folder}`);
}

/** One hidden layer; a logarithm of its answers is no number wherever they are below zero. */
function network(broken) {
  const g = new GraphBuilder();
  const random = seeded(2);
  const layer = (name, from, to) => [
    g.constant(`${name}_w`, float32([from, to], random.normals(from * to, Math.sqrt(2 / from)))),
    g.constant(`${name}_b`, float32([to], random.normals(to, 0.01))),
  ];
  const hidden = g.op('Relu', [
    g.op('Gemm', [g.input('x', T.FLOAT, ['n', WIDTH]), ...layer('hidden', WIDTH, HIDDEN)]),
  ]);
  const scores = g.op('Gemm', [hidden, ...layer('out', HIDDEN, CLASSES)]);
  g.op(broken ? 'Log' : 'Identity', [scores], {}, { outputs: ['y'] });
  g.output('y', T.FLOAT, ['n', CLASSES]);
  return g.bytes();
}

function input(random, shift) {
  return Float32Array.from(random.normals(WIDTH, 1), (value) => value + shift);
}

async function ask() {
  const env = process.env;
  const cwd = process.cwd();
  const { urls } = findMesh({ nats: undefined, region: undefined, env, cwd, isRunning: processRuns });
  const massif = await connect({ nats: urls });
  const random = seeded(Date.now());
  const counts = new Map();
  for (let n = 0; n < Number(values.count); n += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const x = { data: input(random, values.drifted ? 0.7 : 0), shape: [1, WIDTH] };
        const who = await massif.infer('mine', { x }).then(
          ({ modelVersion }) => `version ${modelVersion} answered`,
          // For a moment after a version was killed nobody answers; who is refused waits before he asks again.
          ({ code }) => sleep(REFUSED_WAIT_MS, `refused with ${code}:`),
        );
        counts.set(who, (counts.get(who) ?? 0) + 1);
      }),
    );
  for (const [who, count] of counts) console.log(`${who} ${count}`);
  await massif.close();
}
