// What publishing does so that a version can be watched: taps the layer that tells most, proves that answers stay, makes the baseline. The
// tapped graph is a file of its own, derived from the version that was signed.
import type { Baseline } from '../../../contracts/detection.js';
import { failure } from '../../../contracts/errors.js';
import { Graph } from '../../onnx/graph.js';
import { openSession } from '../../onnx/session.js';
import { float32 } from '../../onnx/tensor.js';
import { logitsBehind, type TapCandidate, tapCandidates } from '../../onnx/tap/candidates.js';
import { addTaps, type Tapped } from '../../onnx/tap/tap.js';
import { type TapCost, tapCost, type TapProof, verifyTaps } from '../../onnx/tap/verify.js';
import { calibrate, fitFeatures } from './calibrate.js';
import { chooseScore, meanOf } from './choose-score.js';
import { inTurns } from './in-turns.js';
import { modelRows, rowsByTap, type RowSource } from './model-rows.js';
import { FEATURE_SCORES, type Row, scoresOf } from './scores.js';

export interface OnboardRequest {
  readonly version: string;
  readonly model: Uint8Array;
  readonly input: string;
  /** Shape of one input, without its rows. */
  readonly shape: readonly number[];
  readonly output: string;
  readonly kind: 'logits' | 'probabilities';
  readonly batch: number;
  readonly fit: readonly Float32Array[];
  readonly clean: readonly Float32Array[];
  readonly families: Readonly<Record<string, readonly Float32Array[]>>;
  /** How much of it the layer is chosen by, and of how many layers; the others come in once it is chosen. */
  readonly choice?: LayerChoice;
}

export interface LayerChoice {
  readonly fit: number;
  readonly clean: number;
  /** Of each family. */
  readonly abnormal: number;
  /** The nearest to the answer: earlier ones told less wherever it was measured, and a tap sees what changes in all layers before it. */
  readonly layers: number;
}

export interface Layer {
  readonly value: string;
  readonly width: number;
  readonly auroc: number;
}

export interface Onboarded {
  readonly tapped: Uint8Array;
  /** What engines add. */
  readonly plan: Tapped['plan'];
  readonly baseline: Baseline;
  readonly proof: TapProof;
  readonly cost: TapCost;
  /** By layer: mean AUROC of its best score over the families. */
  readonly layers: readonly Layer[];
  readonly source: Omit<RowSource, 'session'>;
}

const CHOICE: LayerChoice = { fit: 2_000, clean: 1_000, abnormal: Infinity, layers: 12 };
const PROOF_SAMPLES = 100;
const COST_ROUNDS = 40;

/** Throws DATA_REFUSED where the model has no layer to tap or the reference is too small, MODEL_REFUSED where a tap changes answers. */
export async function onboard(request: OnboardRequest): Promise<Onboarded> {
  const graph = Graph.read(request.model);
  const candidates = tapCandidates(graph);
  const layers = await layersOf(graph, candidates, request);
  const best = layers.reduce<(typeof layers)[number] | undefined>(
    (a, b) => (a && a.auroc >= b.auroc ? a : b),
    undefined,
  );
  if (best === undefined)
    throw failure('DATA_REFUSED', 'The model has no hidden value that can be tapped: watch it without.');
  const logits = request.kind === 'probabilities' ? logitsBehind(graph, request.output) : undefined;
  const tapped = addTaps(graph, [best.value, ...(logits === undefined ? [] : [logits])]);
  const feeds = (from: number) => ({
    [request.input]: float32([1, ...request.shape], request.clean[from] ?? []),
  });
  const proof = await verifyTaps(
    graph,
    tapped,
    Array.from({ length: Math.min(PROOF_SAMPLES, request.clean.length) }, (_, i) => feeds(i)),
  );
  const source = {
    ...request,
    ...(logits === undefined ? {} : { output: tapped.outputs[1] ?? '', kind: 'logits' as const }),
    tap: tapped.outputs[0] ?? '',
  };
  const bytes = tapped.graph.write();
  await using session = await openSession(bytes);
  const rows = (inputs: readonly Float32Array[]) => modelRows({ ...source, session }, inputs);
  const clean = await rows(request.clean);
  const baseline = await calibrate({
    version: request.version,
    input: request.input,
    output: { name: source.output, kind: source.kind, classes: clean[0]?.logits.length ?? 0 },
    tap: { value: best.value, output: source.tap, width: best.width },
    fit: await rows(request.fit),
    clean,
    families: await eachFamily(request.families, rows),
  });
  return {
    tapped: bytes,
    plan: tapped.plan,
    baseline,
    proof,
    cost: await tapCost(graph, tapped, feeds(0), COST_ROUNDS),
    layers,
    source: aboutRows(source),
  };
}

const aboutRows = ({
  input,
  shape,
  output,
  kind,
  tap,
  batch,
}: Omit<RowSource, 'session'>): Omit<RowSource, 'session'> => ({
  input,
  shape,
  output,
  kind,
  ...(tap === undefined ? {} : { tap }),
  batch,
});

/** Candidates are tapped all at once, and each is measured with the scores that need a feature. */
async function layersOf(
  graph: Graph,
  found: readonly TapCandidate[],
  request: OnboardRequest,
): Promise<Layer[]> {
  const { choice: size = CHOICE } = request;
  const candidates = found.slice(-size.layers);
  if (candidates.length === 0) return [];
  const { graph: tapped, outputs } = addTaps(
    graph,
    candidates.map(({ value }) => value),
  );
  await using session = await openSession(tapped.write());
  const rows = (inputs: readonly Float32Array[]) => rowsByTap({ ...request, session }, outputs, inputs);
  const fit = await rows(request.fit.slice(0, size.fit));
  const clean = await rows(request.clean.slice(0, size.clean));
  const families = await eachFamily(request.families, (inputs) => rows(inputs.slice(0, size.abnormal)));
  const layers: Layer[] = [];
  for (const [i, { value, width }] of candidates.entries()) {
    const fitted = fitFeatures(fit[i] ?? []);
    const scored = (list: readonly Row[] = []) => inTurns(list, (row) => scoresOf(row, fitted));
    const abnormal: Record<string, Record<string, number>[]> = {};
    for (const [family, all] of Object.entries(families)) abnormal[family] = await scored(all[i]);
    const { choice } = chooseScore(FEATURE_SCORES, await scored(clean[i]), abnormal);
    layers.push({ value, width, auroc: Math.max(...choice.map(({ auroc }) => meanOf(auroc))) });
  }
  return layers;
}

async function eachFamily<T>(
  families: Readonly<Record<string, readonly Float32Array[]>>,
  make: (inputs: readonly Float32Array[]) => Promise<T>,
): Promise<Record<string, T>> {
  const made: Record<string, T> = {};
  for (const [family, inputs] of Object.entries(families)) made[family] = await make(inputs);
  return made;
}
