// Weights beside a graph: mapped by the real runtime from files that have no name any more, and refused when they are not what was signed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { externalise } from '../../onnx/externalise.js';
import { Graph } from '../../onnx/graph.js';
import { mlp } from '../../onnx/testing/mlp.js';
import { signedVersion } from '../testing/signed-version.js';
import { mapWeights } from './mapped-weights.js';
import { ModelSession } from './model-session.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-mapped-'));
});
afterAll(() => rm(dir, { recursive: true }));

const cached = async (bytes: Uint8Array, name: string) => {
  const digest = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(dir, digest), bytes);
  return { name, digest, bytes: bytes.length };
};
const isMapped = (path: string): boolean => readFileSync('/proc/self/maps', 'utf8').includes(path);

test('what is mapped answers as what is held does, and has no name once the session is there', async () => {
  const whole = mlp(1);
  const graph = Graph.read(whole);
  const { chunks } = externalise(graph, 'weights.bin', 1);
  const bytes = Buffer.concat(chunks);
  const { record } = signedVersion(graph.write(), { model: 'mlp', external: { 'weights.bin': bytes } });
  const weightsDir = join(dir, 'mapped');
  const given = await cached(bytes, 'weights.bin');
  const x = new Float32Array(2 * 784).map((_, i) => Math.sin(i));
  const input = { name: 'x', datatype: 'FP32' as const, shape: [2, 784], data: x };
  const setting = { threads: 1, device: 'cpu' };
  const opened = async () => {
    await using weights = await mapWeights({ weightsDir, artifactsDir: dir }, [given]);
    expect([...weights.names]).toEqual(['weights.bin']);
    const parts = { model: graph.write(), external: new Map(), folder: weights.folder };
    return await ModelSession.create(parts, record, setting);
  };
  const mapped = await opened();
  expect(existsSync(weightsDir)).toBe(false);
  if (process.platform === 'linux') expect(isMapped(`${weightsDir}/weights.bin (deleted)`)).toBe(true);
  const held = await ModelSession.create({ model: whole, external: new Map() }, record, setting);
  const [[a], [b]] = [await mapped.run([input]), await held.run([input])];
  const far = Array.from((a?.data ?? []) as Float32Array, (one, i) => Math.abs(one - Number(b?.data[i])));
  expect(far.length).toBeGreaterThan(0);
  expect(Math.max(...far)).toBeLessThan(1e-5);
  await Promise.all([mapped.release(), held.release()]);
});

test('a file that is not what was signed is refused, and nothing is left', async () => {
  const given = await cached(Buffer.from('the weights'), 'weights.bin');
  await writeFile(join(dir, given.digest), 'the weighty');
  const weightsDir = join(dir, 'bent');
  await expect(mapWeights({ weightsDir, artifactsDir: dir }, [given])).rejects.toMatchObject({
    code: 'UNSIGNED',
  });
  expect(existsSync(weightsDir)).toBe(false);
});

test('without a place to write, and for a name that may lead elsewhere, nothing is mapped', async () => {
  const given = await cached(Buffer.from('others'), '../weights.bin');
  for (const weightsDir of [join(dir, given.digest, 'no folder'), undefined, join(dir, 'fine')]) {
    const name = weightsDir === join(dir, 'fine') ? given.name : 'weights.bin';
    await using weights = await mapWeights({ weightsDir, artifactsDir: dir }, [{ ...given, name }]);
    expect([weights.folder, weights.names.size]).toEqual([undefined, 0]);
  }
});
