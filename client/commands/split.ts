// `massif split MODEL [VERSION]`: cuts a version into stages, publishes them and serves them as one endpoint.
import { writeFile } from 'node:fs/promises';
import { failure, toFailure } from '../../contracts/errors.js';
import { HEARTBEAT_MS, HEARTBEAT_STALE_MS } from '../../contracts/heartbeat.js';
import { isExternal, RESOURCES } from '../../contracts/manifest.js';
import type { VersionRecord } from '../../contracts/registry.js';
import { Catalog } from '../catalog.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  wholeNumber,
} from '../cli/command.js';
import { readKeyFile } from '../cli/key-files.js';
import { table } from '../cli/table.js';
import { ShardBeats } from '../shard-beats.js';
import type { Shapes } from '../split/probe-inputs.js';
import { chooseSpares, type StageNeed } from '../split/spares.js';
import { replicaMemory } from '../../services/mesh/placement/replica-memory.js';
import type { SplitModel } from '../../services/onnx/split/split-model.js';

export const split: Command = {
  name: 'split',
  usage:
    'split MODEL [VERSION] (--stages N | --fit BYTES) [--name NAME] [--region NAME ...] [--spares N] [--dry-run]',
  argumentsMax: 2,
  summary: 'cuts a version into stages, and serves them as one endpoint',
  help: `  --stages N        so many, the slowest as fast as can be
  --fit BYTES       the fewest that each fit so much memory; 64MB, 2GB
  --name NAME       of the endpoint (MODEL-split); its stages are NAME-stage-1-of-N, ...
  --region NAME     where the stages lie, in turn; in every region when not given
  --spares N        further replicas of each stage, ready to take over (1 where another shard of its region has room)
  --micro-batch N   rows of larger requests that go through the stages at a time, so that all of them have work
  --dims NAME=SIZE  sizes that vary, for the profile: by the dimension's name or INPUT:AXIS; else those of the card, else 1
  --counted         costs are counted from the graph, not measured in a run
  --link MS,MBIT    what a hop between stages takes and carries (0.5,1000)
  --svg FILE        a plot of the possible cuts and the chosen ones
  --key FILE        the publisher's key that signs the stages
  --dry-run         shows cuts and stages, and changes nothing`,
  options: {
    stages: { type: 'string' },
    fit: { type: 'string' },
    name: { type: 'string' },
    region: { type: 'string', multiple: true },
    spares: { type: 'string' },
    'micro-batch': { type: 'string' },
    dims: { type: 'string', multiple: true },
    counted: { type: 'boolean' },
    link: { type: 'string' },
    svg: { type: 'string' },
    key: { type: 'string' },
    'dry-run': { type: 'boolean' },
  },
  async run(invocation: Invocation) {
    const { args, values, out } = invocation;
    const model = argument(args, 0, 'MODEL');
    const stages = wholeNumber(values, 'stages');
    const memoryBytes = readBytesOption(text(values, 'fit'));
    if ((stages === undefined) === (memoryBytes === undefined))
      throw new UsageError('one of --stages and --fit says how far to split');
    const sparesWanted = wholeNumber(values, 'spares');
    const beats = new ShardBeats(invocation.clock);
    (await invocation.connections()).onJoin((bus) => beats.listen(bus));
    const microBatch = wholeNumber(values, 'micro-batch');
    if (microBatch === 0) throw new UsageError('--micro-batch is a number of rows above 0');
    const link = readLink(text(values, 'link') ?? '0.5,1000');
    const sizes = Object.fromEntries(texts(values, 'dims').map(readSize));
    const { registry } = await invocation.client('routed');
    const parent = await registry.show({ model, ...(args[1] !== undefined && { version: args[1] }) });
    const catalog = new Catalog(await invocation.connections());
    const made = await cut(catalog, parent, stages, {
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...link,
      sizes,
      counted: values['counted'] === true,
      inRows: microBatch !== undefined,
    });
    await show(invocation, made, parent);
    const figures = { plan: made.plan, cuts: made.problem.cuts.length };
    if (values['dry-run'] === true) return out.show(figures, () => '');
    const name = text(values, 'name') ?? `${model}-split`;
    const regions = texts(values, 'region');
    const beside = parent.resources.find(({ name: file }) => isExternal(file))?.name;
    const needs = made.plan.stages.map(({ memoryBytes: bytes }, i) => ({
      region: regions[i % regions.length],
      memoryBytes: replicaMemory([{ name: beside ?? RESOURCES.model, bytes }]),
    }));
    const { spares, why } =
      sparesWanted === undefined ? await sparesFor(needs, beats, invocation) : { spares: sparesWanted };
    if (why !== undefined) out.note(`No spares: ${why}. A killed stage is loaded anew.\n`);
    const { publishStages } = await import('../split/publish-stages.js');
    const { stageFiles } = await import('../split/stage-files.js');
    await using weights = await stageFiles(catalog, parent, made.stages);
    const published = await publishStages(registry, made.stages, {
      name,
      weights: weights.paths,
      types: made.types,
      parent,
      spares,
      microBatch,
      regions,
      labels: await catalog.file(parent, RESOURCES.labels),
      privateKeyPem: await readKeyFile(invocation, 'publisher.pem', 'which key signs the stages'),
    });
    out.show({ endpoint: name, ...figures, spares, stages: published }, () =>
      [
        `${name} answers as ${model} ${parent.label}, in ${published.length} stages:`,
        table(
          ['endpoint', 'version', 'region', 'spares'],
          published.map((one) => [one.endpoint, one.version.slice(0, 12), one.region, spares]),
        ),
      ].join('\n'),
    );
  },
};

interface CutOptions {
  readonly memoryBytes?: number;
  readonly hopMs: number;
  readonly msPerByte: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly counted: boolean;
  /** Rows are to go through apart from each other: proved by a run first. */
  readonly inRows: boolean;
}

/** Every shard tells of itself twice a second. */
async function sparesFor(needs: readonly StageNeed[], beats: ShardBeats, { clock, signal }: Invocation) {
  await clock.sleep(2 * HEARTBEAT_MS, signal);
  const now = clock.monotonicMs();
  const shards = beats.all().map(({ beat, heardMs }) => ({
    region: beat.region,
    open: beat.state === 'ready' && beat.cordoned !== true && now - heardMs <= HEARTBEAT_STALE_MS,
    memoryBytes: beat.device.memoryBytes,
    usedBytes: beat.engines.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
  }));
  return chooseSpares(needs, shards);
}

/** The toolkit brings onnxruntime, which no other command needs: it is loaded here. */
async function cut(
  catalog: Catalog,
  parent: VersionRecord,
  stages: number | undefined,
  { sizes, counted, inRows, ...costs }: CutOptions,
): Promise<SplitModel> {
  const { state } = parent.card;
  if (state !== undefined && inRows)
    throw failure(
      'MODEL_REFUSED',
      `${parent.model} keeps the state "${state[0]?.input ?? ''}" of sequences, whose steps are not cut into rows. Split it without --micro-batch.`,
    );
  const bytes = await catalog.file(parent, RESOURCES.model);
  if (bytes === undefined) throw failure('MODEL_REFUSED', `${parent.model} has no ${RESOURCES.model}.`);
  const { Graph } = await import('../../services/onnx/graph.js');
  const { splitModel } = await import('../../services/onnx/split/split-model.js');
  const { probeInputs, probeShapes } = await import('../split/probe-inputs.js');
  const inputShapes = probeShapes(parent.inputs, { ...parent.card.warmDims, ...sizes });
  const outside = weightsOutside(parent);
  if (inRows) {
    if (outside !== undefined)
      throw failure(
        'MODEL_REFUSED',
        `${parent.model} keeps weights in "${outside}": it is not run whole, which would prove that its rows go apart. Split it without --micro-batch.`,
      );
    await proveRows(bytes, parent, inputShapes);
  }
  const graph = Graph.read(bytes);
  const { readSmallWeights } = await import('../split/stage-files.js');
  if (outside !== undefined) await readSmallWeights(catalog, parent, graph);
  // What keeps its weights outside may be larger than any memory here.
  const feeds = counted || outside !== undefined ? undefined : probeInputs(parent.inputs, inputShapes);
  const options = {
    ...costs,
    inputShapes,
    ...(feeds !== undefined && { feeds }),
    ...(state !== undefined && { state }),
  };
  return splitModel(graph, stages, options).catch((error: unknown) => {
    throw withSizes(error, inputShapes);
  });
}

/** Sizes that nobody gave are the likeliest reason why the run of the whole fails. */
function withSizes(error: unknown, shapes: Shapes): unknown {
  const { code, message } = toFailure(error);
  if (code !== 'MODEL_FAILED') return error;
  const ran = Object.entries(shapes).map(([input, shape]) => `${input} ${shape.join(' x ')}`);
  return failure(
    code,
    `${message} It was run with ${ran.join(', ')}: give other sizes with --dims INPUT:AXIS=SIZE.`,
    {},
    error,
  );
}

const weightsOutside = ({ resources }: VersionRecord): string | undefined =>
  resources.find(({ name }) => isExternal(name))?.name;

const ROWS_PROVED = 3;

async function proveRows(
  model: Uint8Array,
  { model: name, inputs }: VersionRecord,
  shapes: Shapes,
): Promise<void> {
  const { rowsAreApart } = await import('../../services/onnx/rows-apart.js');
  const { probeInputs } = await import('../split/probe-inputs.js');
  const rows = Object.fromEntries(
    Object.entries(shapes).map(([input, shape]) => [input, [ROWS_PROVED, ...shape.slice(1)]]),
  );
  const fed = inputs.every(({ shape }) => shape[0] === -1) ? probeInputs(inputs, rows) : undefined;
  if (fed !== undefined && (await rowsAreApart(model, fed, ROWS_PROVED))) return;
  throw failure(
    'MODEL_REFUSED',
    `The rows of ${name} depend on each other, or it has none: it takes no micro-batches. Split it without --micro-batch.`,
  );
}

async function show({ values, out }: Invocation, made: SplitModel, parent: VersionRecord): Promise<void> {
  const { cutPlot, cutTable, planTable } = await import('../split/cut-plot.js');
  out.note(
    `${made.problem.cuts.length} possible cuts; the lightest:\n${cutTable(made.problem)}\n\n${planTable(made.plan)}\n`,
  );
  const svg = text(values, 'svg');
  if (svg !== undefined)
    await writeFile(svg, cutPlot(`${parent.model} ${parent.label}`, made.problem, made.plan));
}

const UNITS: Readonly<Record<string, number>> = { '': 1, kB: 1e3, MB: 1e6, GB: 1e9 };

function readBytesOption(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(kB|MB|GB|)$/.exec(given) ?? [];
  const bytes = Number(count) * (UNITS[unit] ?? 1);
  if (bytes > 0) return bytes;
  throw new UsageError(`--fit is a memory above 0 such as 500000, 64MB or 2GB, got "${given}"`);
}

function readLink(given: string): { hopMs: number; msPerByte: number } {
  const [hopMs = NaN, mbit = NaN] = given.split(',').map(Number);
  if (!(hopMs >= 0 && mbit > 0)) throw new UsageError(`--link is MS,MBIT such as 0.5,1000, got "${given}"`);
  return { hopMs, msPerByte: 8 / (mbit * 1_000) };
}

function readSize(given: string): [string, number] {
  const [, name, size] = /^(.+)=([1-9]\d{0,8})$/.exec(given) ?? [];
  if (name === undefined) throw new UsageError(`--dims is NAME=SIZE, got "${given}"`);
  return [name, Number(size)];
}
