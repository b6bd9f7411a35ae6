// Publishes further versions of a drill's model, by label.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MassifClient } from '../client/mod.js';
import type { DrillMesh } from './harness.js';

export async function pushVersions(
  mesh: DrillMesh,
  client: MassifClient,
  model: string,
  versions: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  for (const [label, bytes] of versions)
    await client.registry.push([{ name: 'model.onnx', bytes }], { model, label, privateKeyPem });
}
