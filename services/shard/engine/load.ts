// Turns an order of the host into a session that has proved itself: signature and digests checked once more on the very bytes
// that are loaded, then session, warm-up and self-test. engine.ts calls it; nothing is announced before it returns.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLabels } from '../../../contracts/classification.js';
import { failure } from '../../../contracts/errors.js';
import { isExternal, RESOURCES } from '../../../contracts/manifest.js';
import { checkState } from '../../../contracts/sequence-state.js';
import type { TapPlan } from '../../../contracts/taps.js';
import type { Clock } from '../../mesh/clock.js';
import { passGate } from '../../mesh/trust/gate.js';
import type { Random } from '../../mesh/random.js';
import { reclaim } from '../../mesh/reclaim.js';
import { verifyTapPlan } from '../../mesh/trust/tap-plan.js';
import type { LoadOrder } from '../engine-messages.js';
import type { PreparedGraph, Preparation } from '../prepared-graphs.js';
import { readVerified } from '../verified-read.js';
import { mapWeights } from './mapped-weights.js';
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
  readonly prepared: PreparedGraph | undefined;
}

export async function loadModel(order: LoadOrder, parts: LoadParts): Promise<LoadedModel> {
  const { version } = order;
  // The host checked all this; only the last check counts, and it is made by whoever runs the bytes.
  passGate(version, order.policy, { nowMs: parts.clock.now(), region: order.region });
  if (version.card.state) checkState(version.card.state, version);
  const { session, cases, labels, writeTo } = await openModel(order, parts).catch((error: unknown) => {
    if (order.preparation === undefined || 'writeTo' in order.preparation) throw error;
    // Whatever is wrong with what the library wrote once, the signed graph is there as ever.
    return openModel({ ...order, preparation: undefined }, parts);
  });
  // The library has its own copy of the weights by now.
  if (version.bytes > RECLAIM_BYTES) reclaim();
  try {
    parts.warming();
    const { batchRowsMax: rowsMax, remembered } = order;
    const plan = { warmDims: version.card.warmDims, cases, rowsMax, remembered };
    const report = await warmUp(plan, { session, ...parts });
    return {
      session,
      labels,
      ...report,
      prepared: writeTo === undefined ? undefined : await written(writeTo),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** What a collection of some milliseconds is worth while others run in the engine. */
const RECLAIM_BYTES = 32 * 1024 * 1024;

/** Nothing but a session that reads its weights in place holds the files' bytes when this has returned. */
async function openModel(order: LoadOrder, parts: LoadParts) {
  const { version } = order;
  const prepared = await readPrepared(order.preparation);
  const beside = version.resources.filter(({ name }) => isExternal(name));
  await using weights = await mapWeights(order, beside);
  const bytes = await readResources(order, prepared, weights.names);
  const model = bytes.get(RESOURCES.model);
  if (model === undefined) throw failure('MODEL_REFUSED', `The version has no resource ${RESOURCES.model}.`);
  const selfTest = bytes.get(RESOURCES.selftest);
  const cases = selfTest === undefined ? [] : readSelfTest(selfTest, version);
  const external = new Map([...bytes].filter(([name]) => isExternal(name)));
  const { threads, device } = parts;
  // What was rewritten for a GPU belongs to that very driver; there the session is made anew.
  const preparation = device === 'cpu' ? order.preparation : undefined;
  const writeTo = preparation && 'writeTo' in preparation ? preparation.writeTo : undefined;
  const plan = tapPlanOf(order, parts.clock.now());
  // Most engines never read a graph: what does is loaded when it is needed.
  const tapped = plan && !prepared ? (await import('../../onnx/tap/suffix.js')).withTaps(model, plan) : model;
  const open = (taps: TapPlan | undefined, to?: string): Promise<ModelSession> =>
    parts.blocking(() =>
      ModelSession.create({ model: taps ? tapped : model, external, folder: weights.folder }, version, {
        threads,
        device,
        prepared: prepared !== undefined,
        writeTo: to,
        ...(taps && { taps: taps.taps.map(({ output }) => output) }),
      }),
    );
  // A disk that is full is no word against the model, nor are taps that do not fit.
  const session = await (
    writeTo === undefined ? open(plan) : open(plan, writeTo).catch(() => open(plan))
  ).catch((error: unknown) => {
    if (plan === undefined) throw error;
    return open(undefined);
  });
  return { session, cases, labels: labelsIn(bytes), writeTo };
}

/** Undefined where nobody signed one that counts: the version is served without. */
function tapPlanOf({ taps, policy, version }: LoadOrder, nowMs: number): TapPlan | undefined {
  if (taps === undefined) return undefined;
  try {
    return verifyTapPlan(taps, policy, { version: version.digest, nowMs });
  } catch {
    return undefined;
  }
}

function labelsIn(bytes: ReadonlyMap<string, Uint8Array>): readonly string[] | undefined {
  const labels = bytes.get(RESOURCES.labels);
  return labels && readLabels(new TextDecoder().decode(labels));
}

/** What a run needs, each read once; the card stays where it is, what is mapped, and the graph when a prepared one is there. */
async function readResources(
  { version, artifactsDir }: LoadOrder,
  prepared: Uint8Array | undefined,
  mapped: ReadonlySet<string>,
): Promise<Map<string, Uint8Array>> {
  const bytes = new Map<string, Uint8Array>(prepared && [[RESOURCES.model, prepared]]);
  const needed = version.resources.filter(
    ({ name }) => name !== RESOURCES.card && !bytes.has(name) && !mapped.has(name),
  );
  for (const resource of needed)
    bytes.set(resource.name, await readVerified(join(artifactsDir, resource.digest), resource));
  return bytes;
}

/** Undefined when there is none, or when it is not what was written: then the signed graph is there as ever. */
async function readPrepared(preparation: Preparation | undefined): Promise<Uint8Array | undefined> {
  if (preparation === undefined || !('take' in preparation)) return undefined;
  const { path, digest, bytes } = preparation.take;
  return readVerified(path, { name: 'the prepared graph', digest, bytes }).catch(() => undefined);
}

/** What onnxruntime wrote there, if it did. */
async function written(path: string): Promise<PreparedGraph | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes && { path, digest: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}
