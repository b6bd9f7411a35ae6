// An order that only the home region can carry out, given by drills while regions are away: what became of it is a word or a code.
import { Failure } from '../contracts/errors.js';
import type { DrillMesh } from './harness.js';

const CONNECT_MS = 5_000;
const REQUEST_MS = 2_000;

/** `taken`, or the code it was refused with. `nats`: the servers that whoever orders knows of; all of them when not given. */
export async function orderThrough(
  mesh: DrillMesh,
  endpoint: string,
  nats: string | string[] = mesh.natsUrls,
): Promise<string> {
  await using client = await mesh.client({ mode: 'routed', nats, timeoutMs: CONNECT_MS });
  try {
    await client.registry.deploy({ endpoint, model: endpoint, replicasPerRegion: 1, timeoutMs: REQUEST_MS });
    return 'taken';
  } catch (error) {
    return error instanceof Failure ? error.code : String(error);
  }
}
