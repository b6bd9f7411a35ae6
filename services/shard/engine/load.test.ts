import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../mesh/clock.js';
import { seededRandom } from '../../mesh/random.js';
import { mlp } from '../../onnx/testing/mlp.js';
import type { PreparedGraph } from '../prepared-graphs.js';
import { policy, signedVersion } from '../testing/signed-version.js';
import { loadModel } from './load.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-load-'));
});
afterAll(() => rm(dir, { recursive: true }));

test('a prepared graph that the library does not take is passed over for the signed one', async () => {
  const { record, resources } = signedVersion(mlp(2));
  for (const [digest, bytes] of resources) await writeFile(join(dir, digest), bytes);
  const rubbish = Buffer.from('the very bytes that were written, and no graph');
  const take: PreparedGraph = {
    path: join(dir, 'prepared'),
    digest: createHash('sha256').update(rubbish).digest('hex'),
    bytes: rubbish.length,
  };
  await writeFile(take.path, rubbish);
  const order = {
    kind: 'load' as const,
    call: 1,
    replica: 'replica',
    number: 1,
    version: record,
    artifactsDir: dir,
    policy,
    region: 'east',
    capacityMax: 8,
    batchRowsMax: 8,
    preparation: { take },
  };
  const loaded = await loadModel(order, {
    clock: systemClock,
    random: seededRandom(1),
    threads: 1,
    device: 'cpu',
    blocking: (work) => work(),
    warming: () => undefined,
  });
  expect(loaded.points[0]?.rows).toBe(1);
  await loaded.session.release();
});
