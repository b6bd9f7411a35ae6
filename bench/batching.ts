// What batching gains under deadlines: open-loop Poisson arrivals at rising rates, answers within 50 ms counted. Ours against the same
// engine with every request alone, interleaved in one run, and against the bound that the runs' own times and the price of a message
// allow, both taken beside what is held against them. One process makes the load and one serves at a time, so two cores are enough.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeInferRequest } from '../contracts/infer-body.js';
import type { LatencyPoint } from '../contracts/statistics.js';
import { subjects } from '../contracts/subjects.js';
import type { Tensor } from '../contracts/tensor.js';
import { root } from '../deploy/local/root.mjs';
import { seeded } from '../services/onnx/seeded.js';
import { feedForward } from '../services/onnx/testing/feed-forward.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { ocrClassifier, ocrRecogniser, sileroVad } from '../services/onnx/testing/real-models.js';
import { DrivenEngine } from '../services/shard/testing/driven-engine.js';
import { signedVersion, type VersionParts } from '../services/shard/testing/signed-version.js';
import type { Bodies, Lone, OpenLoop, OpenLoopEnd, Target } from './peers/arrivals.js';
import { type Aim, type Benchmark, percentile, round } from './report.js';

const DEADLINE_MS = 50;
const CAPACITY = 4_096;
/** Rows that share a run at most: batched, and every request alone. */
const ROWS_MAX = [256, 1] as const;
const LONE_COPIES = 4;
/** Of what the engine should be able to serve: below, near and beyond. A side that serves nearly all of the last is asked for more, until it does not. */
const RATES = [0.5, 0.75, 0.9, 1.05, 1.3, 1.7];
const FORMS = {
  ci: { rounds: 1, seconds: 0.15, rates: [0.6, 1.2], lone: 5 },
  quick: { rounds: 1, seconds: 0.4, rates: RATES, lone: 50 },
  // Where the best of a side lies: probes found out how far it reaches. All six would take longer than ten minutes.
  full: { rounds: 5, seconds: 1, rates: RATES.slice(1, 5), lone: 250 },
} as const;
/** Of one request besides its run, as a first guess for the rates: two messages, header, body. */
const MESSAGE_MS = 0.04;
/** How far a side reaches is found out from a quarter of the first guess on, by steps of a fifth, each long enough for a queue to show. */
const PROBES_FROM = 0.25;
const PROBES_MAX = 20;
const PROBE_S = 0.4;
const NEARLY_ALL = 0.9;
const MORE = 1.2;
const MORE_MAX = 5;
/** In the place of a replica's id. */
const EMPTY = 'bench-empty';

interface Served {
  readonly name: string;
  readonly onnx: Uint8Array;
  readonly parts: VersionParts;
  readonly inputs: Tensor[];
  /** Over unbatched; undefined for models that gain nothing. */
  readonly aim: number | undefined;
}

interface Side {
  readonly engine: DrivenEngine;
  readonly target: Target;
  /** What warm-up timed. */
  readonly points: readonly LatencyPoint[];
}

export const benchmark: Benchmark = async ({ form, seed, only = '' }) => {
  const { rounds, seconds, rates, lone } = FORMS[form];
  const all = await models(seed);
  const parts = form === 'ci' ? all.filter(({ name }) => name === 'MLP' || name === 'OCR classifier') : all;
  const served = parts.filter(({ name }) => name.toLowerCase().startsWith(only.toLowerCase()));
  if (served.length === 0) throw new Error(`--only names ${all.map(({ name }) => name).join(', ')}`);
  await using batched = await DrivenEngine.start();
  await using alone = await DrivenEngine.start();
  const load = await startLoad();
  try {
    const results: Record<string, Figures> = {};
    for (const model of served) {
      const sides = [
        await serve(batched, model, ROWS_MAX[0]),
        await serve(alone, model, ROWS_MAX[1]),
      ] as const;
      const bodies = bodiesOf(model.inputs);
      const taken = await loneMs([batched, alone], model, load, lone);
      const responder = await startResponder(sides[0], await answersOf(sides[0], model));
      try {
        const runs = { sides, bodies, load, responder, seed };
        results[model.name] = figuresOf(sides, await interleave(runs, rounds, seconds, rates), taken);
      } finally {
        responder.kill();
      }
    }
    print(results);
    return { results: { ...results }, aims: served.flatMap((model) => aimsOf(model, results[model.name])) };
  } finally {
    load.kill();
  }
};

/**
 * What a lone request takes, batched and unbatched. Two sessions of one version differ by a tenth for as long as they live, by where their weights came
 * to lie, and so do two processes: each side has copies in both engines, all asked in turn, and the middle one of them counts.
 */
async function loneMs(
  engines: readonly [DrivenEngine, DrivenEngine],
  model: Served,
  load: ChildProcess,
  rounds: number,
): Promise<[batched: number, alone: number]> {
  const copies: { readonly engine: DrivenEngine; readonly side: number; readonly target: Target }[] = [];
  for (let n = 0; n < LONE_COPIES; n++)
    for (const [side, rowsMax] of ROWS_MAX.entries()) {
      const engine = engines[(n + side) % 2 === 0 ? 0 : 1];
      const card = { ...model.parts.card, description: `copy ${n} for ${rowsMax} rows` };
      const { target } = await serve(engine, { ...model, parts: { ...model.parts, card } }, rowsMax);
      copies.push({ engine, side, target });
    }
  const order: Lone = {
    kind: 'lone',
    targets: copies.map(({ target }) => target),
    bodies: bodiesOf(model.inputs),
    rounds,
  };
  const taken = await ask<number[][]>(load, order);
  for (const { engine, target } of copies) await engine.engine.unload(target.replica, 0);
  const middle = (of: number): number => {
    const samples = taken.filter((_, i) => copies[i]?.side === of);
    return percentile(
      samples.map((one) => percentile(one, 0.5)),
      0.5,
    );
  };
  return [middle(0), middle(1)];
}

type Shape = Pick<Tensor, 'name' | 'shape'>;

/** What one request brings home. */
async function answersOf({ engine, target }: Side, { inputs, name }: Served): Promise<Shape[]> {
  const { response, code } = await engine.callPatiently(target.replica, inputs);
  if (response === undefined) throw new Error(`${name} does not answer: ${code}`);
  return response.outputs.map(({ name, shape }) => ({ name, shape }));
}

interface Runs {
  readonly sides: readonly [Side, Side];
  readonly bodies: Bodies;
  readonly load: ChildProcess;
  readonly responder: ChildProcess;
  readonly seed: number;
}

interface Cell {
  readonly side: number;
  readonly perSecond: number;
  readonly end: OpenLoopEnd;
  readonly goodPerSecond: number;
  /** Of the engine's own processor time: what a core of its own would give, whatever else runs on the machine. */
  readonly goodPerCpuSecond: number;
  /** Beside the batched side. */
  readonly bounds?: Bounds;
}

interface Bounds {
  /** Processor time of a request and its answer without a model. */
  readonly messageMs: number;
  /** By the curve that the engine learned while it served. */
  readonly serving: number;
  /** By what warm-up timed, when nothing else was in the caches. */
  readonly warm: number;
}

async function interleave(
  { sides, bodies, load, responder, seed }: Runs,
  rounds: number,
  seconds: number,
  rates: readonly number[],
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const [{ target: batched }] = sides;
  const offer = (target: Target, perSecond: number, forSeconds: number, draw: number): Promise<OpenLoopEnd> =>
    ask(load, {
      kind: 'open',
      target,
      bodies,
      perSecond,
      seconds: forSeconds,
      deadlineMs: DEADLINE_MS,
      seed: draw,
    });
  const run = async (side: number, perSecond: number, forSeconds: number, draw: number): Promise<Cell> => {
    const { target, engine } = sides[side] as Side;
    const before = onCore(engine.engine.pid);
    const end = await offer(target, perSecond, forSeconds, draw);
    const { seconds: cpuSeconds } = since(before, engine.engine.pid);
    return {
      side,
      perSecond,
      end,
      goodPerSecond: end.good / forSeconds,
      goodPerCpuSecond: end.good / cpuSeconds,
    };
  };
  /** And what bounds it, from the same seconds: the curve it learned, and the responder under the rate that it came to. */
  const bounded = async (perSecond: number, draw: number): Promise<Cell> => {
    const [side] = sides;
    const { pid } = side.engine.engine;
    const before = onCore(pid);
    const cell = await run(0, perSecond, seconds, draw);
    const { share } = since(before, pid);
    const serving = (await curveOf(side)).map(({ rows, infer_ms = 0 }) => ({
      rows,
      run_ms: infer_ms * share,
    }));
    const responderPid = responder.pid ?? 0;
    const idle = onCore(responderPid);
    const rate = Math.max(cell.goodPerSecond, 1);
    const { sent } = await offer({ ...batched, replica: EMPTY }, rate, seconds, draw);
    const messageMs = (since(idle, responderPid).seconds * 1_000) / sent;
    const bounds = { messageMs, serving: bound(serving, messageMs), warm: bound(side.points, messageMs) };
    return { ...cell, bounds };
  };
  const counted = (side: number, perSecond: number, draw: number): Promise<Cell> =>
    side === 0 ? bounded(perSecond, draw) : run(side, perSecond, seconds, draw);
  // Before anything counts: compiled code, learned curves, and how far this side reaches. A moment in which others had the core is no end of it.
  const reach: number[] = [];
  for (const [side, { points }] of sides.entries()) {
    const guess = bound(side === 0 ? points : points.slice(0, 1), MESSAGE_MS);
    let rate = guess * PROBES_FROM;
    await run(side, rate, seconds, seed);
    for (let probe = 0, missed = 0; probe < PROBES_MAX && missed < 2; probe++) {
      const { goodPerSecond, perSecond } = await run(side, rate, Math.min(PROBE_S, seconds), seed + probe);
      missed = goodPerSecond < perSecond * NEARLY_ALL ? missed + 1 : 0;
      if (missed === 0) rate *= MORE;
    }
    reach[side] = rate / MORE;
  }
  await offer({ ...batched, replica: EMPTY }, reach[0] ?? 1, seconds / 2, seed);
  for (let i = 0; i < rounds; i++)
    for (const [step, rate] of rates.entries())
      for (const side of i % 2 === 0 ? [0, 1] : [1, 0])
        cells.push(await counted(side, (reach[side] ?? 1) * rate, seed + i * 100 + step));
  for (const side of [0, 1])
    for (let last = cells.findLast((cell) => cell.side === side), more = 0; more < MORE_MAX; more++) {
      if (last === undefined || last.goodPerSecond < last.perSecond * NEARLY_ALL) break;
      last = await counted(side, last.perSecond * MORE, seed + 1_000 + more);
      cells.push(last);
    }
  return cells;
}

/** A bare responder without a model, on the bus of the batched side, that answers what the model would. */
async function startResponder({ target: { url } }: Side, answers: readonly Shape[]): Promise<ChildProcess> {
  const peer = fork(join(import.meta.dirname, 'peers', 'empty-model.js'), [
    url,
    subjects.run(EMPTY),
    JSON.stringify(answers),
  ]);
  await once(peer, 'message');
  return peer;
}

interface Figures {
  readonly batchedPerSecond: number;
  readonly alonePerSecond: number;
  readonly gain: number;
  /** Per second of the engine's own processor time. */
  readonly batchedPerCpu: number;
  readonly alonePerCpu: number;
  readonly gainPerCpu: number;
  /** Of the batched side at its best rate, the middle one of its rounds: the bound by the curve learned while it served, and by warm-up's. */
  readonly boundPerCpu: number;
  readonly warmBoundPerCpu: number;
  readonly ofBound: number;
  readonly ofWarmBound: number;
  readonly messageMs: number;
  readonly warmCurveMs: readonly number[];
  readonly loneRatio: number;
  readonly lonePeakMs: number;
  readonly loadCpu: number;
  readonly cells: readonly Record<string, number>[];
}

function figuresOf(
  sides: readonly [Side, Side],
  cells: readonly Cell[],
  [loneBatched, loneAlone]: readonly [number, number],
): Figures {
  const peak = (side: number, of: 'goodPerSecond' | 'goodPerCpuSecond'): { best: number; at: Cell[] } => {
    const own = cells.filter((cell) => cell.side === side);
    const byRate = [...new Set(own.map(({ perSecond }) => perSecond))].map((rate) => {
      const at = own.filter(({ perSecond }) => perSecond === rate);
      return { best: middle(at, (cell) => cell[of]), at };
    });
    return byRate.reduce((a, b) => (b.best > a.best ? b : a));
  };
  const [{ best: batchedPerSecond }, { best: alonePerSecond }] = [
    peak(0, 'goodPerSecond'),
    peak(1, 'goodPerSecond'),
  ];
  const { best: batchedPerCpu, at } = peak(0, 'goodPerCpuSecond');
  const { best: alonePerCpu } = peak(1, 'goodPerCpuSecond');
  return {
    batchedPerSecond: round(batchedPerSecond),
    alonePerSecond: round(alonePerSecond),
    gain: batchedPerSecond / alonePerSecond,
    batchedPerCpu: round(batchedPerCpu),
    alonePerCpu: round(alonePerCpu),
    gainPerCpu: batchedPerCpu / alonePerCpu,
    boundPerCpu: round(middle(at, ({ bounds }) => bounds?.serving)),
    warmBoundPerCpu: round(middle(at, ({ bounds }) => bounds?.warm)),
    ofBound: middle(at, ({ goodPerCpuSecond, bounds }) => bounds && goodPerCpuSecond / bounds.serving),
    ofWarmBound: middle(at, ({ goodPerCpuSecond, bounds }) => bounds && goodPerCpuSecond / bounds.warm),
    messageMs: round(middle(at, ({ bounds }) => bounds?.messageMs)),
    warmCurveMs: sides[0].points.map(({ run_ms }) => round(run_ms)),
    loneRatio: loneBatched / loneAlone,
    lonePeakMs: loneBatched,
    loadCpu: Math.max(...cells.map(({ end }) => end.cpuShare)),
    cells: cells.map(({ side, perSecond, end, goodPerSecond, goodPerCpuSecond, bounds }) => ({
      batched: side === 0 ? 1 : 0,
      offered: round(perSecond),
      good: round(goodPerSecond),
      goodPerCpu: round(goodPerCpuSecond),
      late: end.late,
      refused: end.refused,
      p50Ms: round(end.p50Ms),
      p99Ms: round(end.p99Ms),
      loadCpu: round(end.cpuShare),
      ...(bounds && {
        messageMs: round(bounds.messageMs),
        bound: round(bounds.serving),
        warmBound: round(bounds.warm),
      }),
    })),
  };
}

function middle(cells: readonly Cell[], value: (cell: Cell) => number | undefined): number {
  return percentile(
    cells.map(value).filter((one) => one !== undefined),
    0.5,
  );
}

/** Requests a second at the best size whose run ends within the deadline, if nothing but runs and messages took time. */
function bound(points: readonly LatencyPoint[], messageMs: number): number {
  const best = points
    .filter(({ rows, run_ms }) => run_ms + rows * messageMs <= DEADLINE_MS)
    .map(({ rows, run_ms }) => 1_000 / (run_ms / rows + messageMs));
  return Math.max(...best, 1);
}

function print(results: Record<string, Figures>): void {
  console.table(
    Object.entries(results).map(([model, f]) => ({
      model,
      'good/s alone': f.alonePerSecond,
      'good/s batched': f.batchedPerSecond,
      gain: round(f.gain),
      'alone/cpu s': f.alonePerCpu,
      'batched/cpu s': f.batchedPerCpu,
      'gain/cpu': round(f.gainPerCpu),
      'bound/cpu s': f.boundPerCpu,
      'of bound': round(f.ofBound),
      'of warm-up bound': round(f.ofWarmBound),
      'lone p50 ms': round(f.lonePeakMs),
      'lone / alone': round(f.loneRatio),
      'load cpu': round(f.loadCpu),
    })),
  );
}

function aimsOf({ name, aim }: Served, figures: Figures | undefined): Aim[] {
  if (figures === undefined) return [];
  const gain = `${name}: goodput / unbatched`;
  return [
    { name: gain, value: figures.gain, unit: 'x', aim: aim ?? 0.97, op: '>=' },
    ...(aim === undefined
      ? []
      : [
          {
            name: `${name}: goodput / bound`,
            value: figures.ofBound,
            unit: 'x',
            aim: 0.9,
            op: '>=',
          } as const,
        ]),
    { name: `${name}: lone p50 / unbatched`, value: figures.loneRatio, unit: 'x', aim: 1.05, op: '<=' },
  ];
}

async function serve(engine: DrivenEngine, { onnx, parts }: Served, rowsMax: number): Promise<Side> {
  const { replica } = await engine.load(signedVersion(onnx, parts), CAPACITY, rowsMax);
  const target = { url: `nats://${engine.nc.getServer()}`, replica };
  return { engine, target, points: await curveOf({ engine, target }) };
}

async function curveOf({ engine, target }: Pick<Side, 'engine' | 'target'>): Promise<LatencyPoint[]> {
  const all = await engine.engine.statistics();
  return all.find(({ replica }) => replica === target.replica)?.curve ?? [];
}

interface OnCore {
  readonly seconds: number;
  readonly waitedSeconds: number;
}

/** Of its main thread, which does all the work with one thread a run: on a core, and ready but without one. Linux alone counts it this finely. */
function onCore(pid: number): OnCore {
  const [seconds = 0, waitedSeconds = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8')
    .split(' ')
    .map((ns) => Number(ns) / 1e9);
  return { seconds, waitedSeconds };
}

/** Processor time since then, and which share that is of the time for which it had something to do. */
function since(before: OnCore, pid: number): { readonly seconds: number; readonly share: number } {
  const now = onCore(pid);
  const seconds = now.seconds - before.seconds;
  return { seconds, share: seconds / (seconds + now.waitedSeconds - before.waitedSeconds) };
}

function bodiesOf(inputs: Tensor[]): Bodies {
  const body = encodeInferRequest({ parameters: {}, inputs, binaryOutput: true });
  return { bytes: [body.bytes], jsonLength: body.jsonLength ?? 0 };
}

async function startLoad(): Promise<ChildProcess> {
  const load = fork(join(import.meta.dirname, 'peers', 'arrivals.js'), { serialization: 'advanced' });
  await once(load, 'message');
  return load;
}

async function ask<T>(load: ChildProcess, order: OpenLoop | Lone): Promise<T> {
  load.send(order);
  const [answer] = (await once(load, 'message')) as [T];
  return answer;
}

async function models(seed: number): Promise<Served[]> {
  const random = seeded(seed);
  const floats = (name: string, ...shape: number[]): Tensor => ({
    name,
    datatype: 'FP32',
    shape,
    data: Float32Array.from(
      random.normals(
        shape.reduce((a, b) => a * b, 1),
        0.5,
      ),
    ),
  });
  const selftest: unknown = JSON.parse(
    await readFile(join(root, 'deploy/examples/vad.selftest.json'), 'utf8'),
  );
  const speech = [
    floats('input', 1, 576),
    { ...floats('state', 2, 1, 128), data: new Float32Array(256) },
    { name: 'sr', datatype: 'INT64', shape: [], data: BigInt64Array.of(16_000n) } as Tensor,
  ];
  const image = { warmDims: { 'x:0': 1, 'x:2': 48, 'x:3': 160 } };
  const angle = { warmDims: { 'x:0': 1, 'x:2': 48, 'x:3': 192 } };
  return [
    { name: 'FFN', onnx: feedForward(seed), parts: { model: 'ffn' }, inputs: [floats('x', 1, 512)], aim: 3 },
    { name: 'MLP', onnx: mlp(seed), parts: { model: 'mlp' }, inputs: [floats('x', 1, 784)], aim: 1.8 },
    { name: 'Silero', onnx: sileroVad(), parts: { model: 'vad', selftest }, inputs: speech, aim: 1.4 },
    {
      name: 'OCR recogniser',
      onnx: ocrRecogniser(),
      parts: { model: 'ocr', card: image },
      inputs: [floats('x', 1, 3, 48, 160)],
      aim: undefined,
    },
    {
      name: 'OCR classifier',
      onnx: ocrClassifier(),
      parts: { model: 'angle', card: angle },
      inputs: [floats('x', 1, 3, 48, 192)],
      aim: undefined,
    },
  ];
}
