// Turns an order of the host into a session that has proved itself: signature and digests checked once more on the very bytes
// that are loaded, then session, warm-up and self-test. engine.ts calls it; nothing is announced before it returns.
import { join } from 'node:path';
import { readLabels } from '../../../contracts/classification.js';
import { failure } from '../../../contracts/errors.js';
import { RESOURCES } from '../../../contracts/manifest.js';
import { checkState } from '../../../contracts/sequence-state.js';
import type { Clock } from '../../mesh/clock.js';
import { passGate } from '../../mesh/gate.js';
import type { Random } from '../../mesh/random.js';
import type { LoadOrder } from '../engine-messages.js';
import { readVerified } from '../verified-read.js';
import { ModelSession } from './model-session.js';
import { readSelfTest } from './self-test.js';
import { warmUp, type WarmUpReport } from './warm-up.js';

export interface LoadParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly threads: number;
  readonly device: string;
  readonly blocking: <T>(work: () => Promise<T>) => Promise<T>;
  /** The session is there and its first runs begin. */
  readonly warming: () => void;
}

export interface LoadedModel extends WarmUpReport {
  readonly session: ModelSession;
  readonly labels: readonly string[] | undefined;
}

export async function loadModel(order: LoadOrder, parts: LoadParts): Promise<LoadedModel> {
  const { version } = order;
  // The host checked all this; only the last check counts, and it is made by whoever runs the bytes.
  passGate(version, order.policy, { nowMs: parts.clock.now(), region: order.region });
  if (version.card.state) checkState(version.card.state, version);
  const bytes = await readResources(order);
  const model = bytes.get(RESOURCES.model);
  if (model === undefined) throw failure('MODEL_REFUSED', `The version has no resource ${RESOURCES.model}.`);
  const selfTest = bytes.get(RESOURCES.selftest);
  const cases = selfTest === undefined ? [] : readSelfTest(selfTest, version);
  const external = new Map([...bytes].filter(([name]) => !isKnown(name)));
  const session = await parts.blocking(() => ModelSession.create({ model, external }, version, parts));
  try {
    parts.warming();
    const { batchRowsMax: rowsMax, remembered } = order;
    const plan = { warmDims: version.card.warmDims, cases, rowsMax, remembered };
    return { session, labels: labelsIn(bytes), ...(await warmUp(plan, { session, ...parts })) };
  } catch (error) {
    await session.release();
    throw error;
  }
}

function labelsIn(bytes: ReadonlyMap<string, Uint8Array>): readonly string[] | undefined {
  const labels = bytes.get(RESOURCES.labels);
  return labels && readLabels(new TextDecoder().decode(labels));
}

/** What a run needs, each read once; the card stays where it is. */
async function readResources({ version, artifactsDir }: LoadOrder): Promise<Map<string, Uint8Array>> {
  const needed = version.resources.filter(({ name }) => name !== RESOURCES.card);
  const bytes = new Map<string, Uint8Array>();
  for (const resource of needed)
    bytes.set(resource.name, await readVerified(join(artifactsDir, resource.digest), resource));
  return bytes;
}

const KNOWN: ReadonlySet<string> = new Set(Object.values(RESOURCES));
const isKnown = (name: string): boolean => KNOWN.has(name);
