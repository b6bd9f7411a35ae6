// Shards of a region give each other what the object store has sent to one of them: real processes, and the store's own messages counted.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buckets } from '../contracts/buckets.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { type DrillMesh, eventually, startMesh } from './harness.js';

const MODEL = 'shared';
const input = { x: { data: new Float32Array(784).fill(0.5), shape: [1, 784] } };

/** What the shards' metrics say of artifacts, by source. */
async function fetched(mesh: DrillMesh): Promise<Record<string, number>> {
  const page = await (await fetch(`${mesh.regions[0]?.restUrl}/metrics`)).text();
  const found: Record<string, number> = {};
  for (const line of page.split('\n')) {
    const [, labels = '', count = ''] = /^massif_shard_artifacts_fetched\{(.*)\} (\d+)$/.exec(line) ?? [];
    const [, source] = /source="([^"]+)"/.exec(labels) ?? [];
    if (source !== undefined) found[source] = (found[source] ?? 0) + Number(count);
  }
  return found;
}

test('the object store sends an artifact once to a region: the second shard has it from the first', async () => {
  await using mesh = await startMesh({ regions: ['east'], shardsPerRegion: 2, observer: true });
  await using client = await mesh.client({ mode: 'routed' });
  const nc = await mesh.nats('observer');
  // Whoever reads parts of an artifact from the store asks for them on this subject.
  const asked: string[] = [];
  nc.subscribe(`$JS.API.DIRECT.GET.OBJ_${buckets.artifacts('east')}`, {
    callback: (_, message) => void asked.push(message.string()),
  });
  await nc.flush();
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const files = [{ name: 'model.onnx', bytes: mlp(7) }];
  await eventually('the registry takes a push', () =>
    client.registry.push(files, { model: MODEL, label: '1', privateKeyPem, aliases: ['stable'] }),
  );
  const holders = () =>
    mesh.heard().filter(({ replicas }) => replicas.some(({ state }) => state === 'ready')).length;

  const beforeFirst = asked.length;
  await client.registry.deploy({ endpoint: MODEL, model: MODEL, replicasPerRegion: 1 });
  await waitUntil('one shard has it', () => holders() === 1, 60_000);
  const once = asked.length;
  expect(once).toBeGreaterThan(beforeFirst);

  await client.registry.deploy({ endpoint: MODEL, model: MODEL, replicasPerRegion: 2 });
  await waitUntil('both have it', () => holders() === 2, 60_000);
  expect(asked.length).toBe(once);
  expect(await fetched(mesh)).toEqual({ [buckets.artifacts('east')]: 1, peers: 1 });

  const answers = await Promise.all(Array.from({ length: 20 }, () => client.infer(MODEL, input)));
  expect(new Set(answers.map(({ outputs }) => String(Object.values(outputs)[0]?.data))).size).toBe(1);
  await nc.close();
});
