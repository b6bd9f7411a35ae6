// Publishes the stages of a split model as signed versions with their lineage, serves each behind an endpoint of its own, and declares the
// pipeline over them. `massif split` asks, after the plan was made.
import { RESOURCES } from '../../contracts/manifest.js';
import { Card, type VersionRecord } from '../../contracts/registry.js';
import type { Graph } from '../../services/onnx/graph.js';
import type { TensorType } from '../../services/onnx/value-info.js';
import { WEIGHTS } from '../../services/onnx/split/stage-weights.js';
import type { PushFile } from '../push.js';
import type { Registry } from '../registry.js';
import { stagePipeline } from './stage-pipeline.js';

export interface StagesWanted {
  /** Of the pipeline; stage k is the model and the endpoint NAME-stage-k-of-n. */
  readonly name: string;
  readonly parent: VersionRecord;
  /** One for each stage, in order; regions are used in turn, none: every region has every stage. */
  readonly regions: readonly string[];
  /** Replicas of each stage beyond the first, ready to take over. */
  readonly spares: number;
  /** Rows that go through the stages at a time. */
  readonly microBatch?: number | undefined;
  /** Of the values that cross, for the first runs of stages that keep a state. */
  readonly types?: ReadonlyMap<string, TensorType> | undefined;
  readonly privateKeyPem: string;
  /** Files with the weights that a stage keeps outside its graph. */
  readonly weights?: readonly (string | undefined)[];
  /** Of the parent: the last stage's answers are read with them. */
  readonly labels: Uint8Array | undefined;
}

export interface PublishedStage {
  readonly endpoint: string;
  readonly version: string;
  readonly bytes: number;
  readonly region: string;
}

export async function publishStages(
  registry: Registry,
  graphs: readonly Graph[],
  wanted: StagesWanted,
): Promise<PublishedStage[]> {
  const { name, parent, regions, spares, privateKeyPem, labels, weights } = wanted;
  const published: PublishedStage[] = [];
  // All stages are published before the first is served: a refusal leaves no half of an endpoint.
  for (const [i, graph] of graphs.entries()) {
    const endpoint = stageName(name, i, graphs.length);
    const last = i === graphs.length - 1;
    const path = weights?.[i];
    const files: PushFile[] = [
      { name: RESOURCES.model, bytes: graph.write() },
      { name: RESOURCES.card, bytes: stageCard(parent, graph, wanted.types, i, graphs.length) },
      ...(path === undefined ? [] : [{ name: WEIGHTS, path }]),
      ...(last && labels !== undefined ? [{ name: RESOURCES.labels, bytes: labels }] : []),
    ];
    const label = parent.label;
    const { version } = await registry.push(files, { model: endpoint, label, privateKeyPem });
    const region = regions[i % regions.length] ?? 'every';
    published.push({ endpoint, version: version.digest, bytes: version.bytes, region });
  }
  for (const { endpoint, version, region } of published)
    await registry.deploy({
      endpoint,
      model: endpoint,
      variants: [{ version, weight: 10_000 }],
      replicasPerRegion: 1 + spares,
      ...(region !== 'every' && { placement: { policy: 'proportional', regions: [region] } }),
    });
  const stages = graphs.map((graph, i) => ({
    endpoint: stageName(name, i, graphs.length),
    inputs: graph.inputs.map((input) => input.name),
    outputs: graph.outputs.map((output) => output.name),
  }));
  const description = `${parent.model} ${parent.label} in ${graphs.length} stages`;
  await registry.applyPipeline(stagePipeline(name, description, parent, stages, wanted.microBatch));
  return published;
}

const stageName = (name: string, stage: number, of: number): string => `${name}-stage-${stage + 1}-of-${of}`;

/** What holds for the whole holds for its stages; of its state each keeps what its own layers have. */
function stageCard(
  { card, digest, model, label }: VersionRecord,
  graph: Graph,
  types: StagesWanted['types'],
  stage: number,
  of: number,
): Uint8Array {
  const { licence, source, trustGroup, ownEngine, runLimitMs, sequenceIdleMs } = card;
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const state = card.state?.filter(({ input }) => inputs.has(input)) ?? [];
  const own = Card.parse({
    licence,
    source,
    trustGroup,
    ownEngine,
    runLimitMs,
    description: `Stage ${stage + 1} of ${of} of ${model} ${label}.`,
    parent: digest,
    method: `split: stage ${stage + 1} of ${of}`,
    ...(state.length > 0 && { state, sequenceIdleMs, warmDims: warmDims(graph, types) }),
  });
  return new TextEncoder().encode(JSON.stringify(own));
}

/** Sizes that fit each other, as they were planned with: a mask of one size and a cache of another would not run. */
function warmDims(graph: Graph, types: StagesWanted['types']): Record<string, number> {
  const sizes = graph.inputs.flatMap(({ name }) =>
    (types?.get(name)?.shape ?? []).map((size, axis): [string, unknown] => [`${name}:${axis}`, size]),
  );
  return Object.fromEntries(
    sizes.filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] > 0),
  );
}
