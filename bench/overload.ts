// Three times what a replica can do, for a minute: how much of its peak is still served, how late, what is refused and how fast, what
// the memory does, and how soon all is well again. PP-OCRv4's recogniser on one shard: its engine and not the caller is the limit.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { type DrillMesh, startMesh, stateFileOf } from '../chaos-tests/harness.js';
import { readRunbook, runBlock } from '../chaos-tests/runbook.js';
import { Heartbeat } from '../contracts/heartbeat.js';
import { type Body, encodeInferRequest } from '../contracts/infer-body.js';
import { RESOURCES } from '../contracts/manifest.js';
import { wildcards } from '../contracts/subjects.js';
import { root } from '../deploy/local/root.mjs';
import { seededRandom } from '../services/mesh/random.js';
import { ocrRecogniser } from '../services/onnx/testing/real-models.js';
import { metric, residentBytes, shardsOf, statistics } from './load/mesh-figures.js';
import { type Ended, latencies, NatsCaller, tally } from './load/nats-caller.js';
import { type Aim, type Benchmark, type BenchOptions, percentile, round } from './report.js';

const ENDPOINT = 'ocr';
const RUNBOOK = join(root, 'deploy', 'runbooks', 'overload.md');
const HEIGHT = 48;
const WIDTH = 96;
const TIMEOUT_MS = 2_000;
const OVER = 3;
/** Seconds: one request at a time, the peak, the overload, the time after. */
const FORMS = {
  ci: { alone: 0.5, peak: 0.7, over: 1.5, after: 1 },
  quick: { alone: 5, peak: 5, over: 20, after: 8 },
  full: { alone: 10, peak: 10, over: 60, after: 15 },
} as const;
/** Callers in a closed loop that keep one engine busy. */
const BUSY_CALLERS = 3;
/** After the overload, of the peak. */
const EASY = 0.5;
/** Of the overload. */
const SETTLED_AT = 0.25;
const REFUSED_WITHIN = '0.005';

export const benchmark: Benchmark = async ({ form, seed }: BenchOptions) => {
  const seconds = FORMS[form];
  await using mesh = await startMesh({ regions: ['east'] });
  await publish(mesh);
  const nc = await mesh.nats('operator');
  try {
    const caller = new NatsCaller(nc, ENDPOINT, body(seed), TIMEOUT_MS, seededRandom(seed));
    await caller.closed(BUSY_CALLERS, 500); // warm
    const alone = latencies(await caller.closed(1, seconds.alone * 1_000));
    const peakPerS = latencies(await caller.closed(BUSY_CALLERS, seconds.peak * 1_000)).length / seconds.peak;
    const before = await figures(mesh, nc);
    // Buffers, compiled code and the collector's habits are there by then: what grows from there on is a leak.
    const settled = sleep(seconds.over * SETTLED_AT * 1_000).then(() => memory(mesh));
    const limits = heardLimits(nc);
    const over = await caller.open(OVER * peakPerS, seconds.over * 1_000);
    limits.stop();
    const rss = await settled;
    const after = await figures(mesh, nc);
    const recovered = await recovery(caller, peakPerS, seconds.after, percentile(alone, 0.99));
    const served = latencies(over);
    const refused = over.filter(({ code }) => code === 'MAILBOX_FULL');
    const results = {
      alone: summary(alone),
      peakPerS: round(peakPerS),
      offeredPerS: round(over.length / seconds.over),
      servedPerS: round(served.length / seconds.over),
      served: summary(served),
      servedP99BySecond: bySecond(over),
      limits: limits.heard,
      codes: tally(over),
      refusedMs: summary(refused.map(({ ms }) => ms)),
      retryAfterMs: summary(refused.map(({ retryAfterMs }) => retryAfterMs)),
      refusedWithin5Ms:
        (after.refusedSoon - before.refusedSoon) / Math.max(1, after.refused - before.refused),
      engine: after.engine,
      overdue: after.engine['overdue'] ?? Number.NaN,
      endedTooLate: after.runs - before.runs - served.length,
      runbook: form === 'ci' ? [] : await readAtNight(mesh),
      extraAttempts: after.extra - before.extra,
      rssMiB: [before.rss, rss, after.rss].map((bytes) => Math.round(bytes / 1_048_576)),
      recoveredAfterS: recovered,
    };
    console.dir(results, { depth: 3, maxArrayLength: null });
    return { results, aims: aimsOf(results, rss, after.rss, over.length) };
  } finally {
    await nc.close();
  }
};

async function publish(mesh: DrillMesh): Promise<void> {
  const card = {
    licence: 'Apache-2.0',
    description: 'One line of text.',
    warmDims: { 'x:0': 1, 'x:2': HEIGHT, 'x:3': WIDTH },
  };
  const files = [
    { name: RESOURCES.model, bytes: ocrRecogniser() },
    { name: RESOURCES.card, bytes: new TextEncoder().encode(JSON.stringify(card)) },
  ];
  await mesh.publish(ENDPOINT, files, 1);
}

/** A line of noise; of its answer the best class alone, or a megabyte would come back. */
function body(seed: number): Body {
  const random = seededRandom(seed);
  const data = Float32Array.from({ length: 3 * HEIGHT * WIDTH }, () => 2 * random() - 1);
  return encodeInferRequest({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3, HEIGHT, WIDTH], data }],
    outputs: [{ name: 'softmax_11.tmp_0', parameters: { classification: 1 } }],
    binaryOutput: true,
  });
}

/** The exit codes of the runbook's command blocks. */
async function readAtNight(mesh: DrillMesh): Promise<number[]> {
  const env = { ...process.env, MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT };
  const codes: number[] = [];
  for (const block of await readRunbook(RUNBOOK)) codes.push((await runBlock(block, root, env)).code);
  return codes;
}

interface Figures {
  readonly refused: number;
  readonly refusedSoon: number;
  readonly extra: number;
  readonly runs: number;
  readonly rss: number;
  readonly engine: Readonly<Record<string, number>>;
}

async function figures(mesh: DrillMesh, nc: NatsConnection): Promise<Figures> {
  const of = { door: 'nats', code: '503' };
  const [replica] = await statistics(nc, shardsOf(mesh));
  if (!replica) throw new Error('no shard serves the endpoint');
  return {
    refused: await metric(mesh, 'massif_request_seconds_count', of),
    refusedSoon: await metric(mesh, 'massif_request_seconds_bucket', { ...of, le: REFUSED_WITHIN }),
    extra: await metric(mesh, 'massif_extra_attempts_total'),
    runs: replica.statistics.inference_count,
    rss: await memory(mesh),
    engine: replica.scheduling,
  };
}

/** Of router and engine. */
function memory(mesh: DrillMesh): Promise<number> {
  const edge = mesh.local.supervisor.list().filter(({ kind }) => kind === 'edge');
  return residentBytes([...edge.flatMap(({ pid }) => pid ?? []), ...mesh.enginePids()]);
}

/** Seconds from the end of the overload to the first of them that is as it was: nobody refused, nobody later than twice. */
async function recovery(
  caller: NatsCaller,
  peakPerS: number,
  seconds: number,
  aloneMs: number,
): Promise<number> {
  for (let second = 0; second < seconds; second++) {
    const ended = await caller.open(EASY * peakPerS, 1_000);
    const well = ended.every(({ code }) => code === 'OK');
    if (well && percentile(latencies(ended), 0.9) <= 2 * aloneMs) return second;
  }
  return seconds;
}

/** The p99 of what was served, by the second it was sent in. */
function bySecond(ended: readonly Ended[]): number[] {
  const startMs = Math.min(...ended.map(({ sentMs }) => sentMs));
  const seconds: Ended[][] = [];
  for (const one of ended) (seconds[Math.floor((one.sentMs - startMs) / 1_000)] ??= []).push(one);
  return seconds.map((of) => round(percentile(latencies(of), 0.99)));
}

/** Of the one replica, every half second. */
function heardLimits(nc: NatsConnection): { heard: number[]; stop: () => void } {
  const heard: number[] = [];
  const beats = nc.subscribe(wildcards.heartbeats(), {
    callback: (error, message) => {
      if (error !== null) return;
      const limit = Heartbeat.parse(message.json()).replicas.find(({ state }) => state === 'ready')?.limit;
      if (limit !== undefined) heard.push(limit);
    },
  });
  return { heard, stop: () => beats.unsubscribe() };
}

const summary = (ms: readonly number[]) => ({
  n: ms.length,
  p50: round(percentile(ms, 0.5)),
  p99: round(percentile(ms, 0.99)),
});

interface Results {
  readonly alone: { readonly p99: number };
  readonly served: { readonly p99: number };
  readonly peakPerS: number;
  readonly servedPerS: number;
  readonly refusedWithin5Ms: number;
  readonly overdue: number;
  readonly runbook: readonly number[];
  readonly extraAttempts: number;
  readonly recoveredAfterS: number;
}

const aimsOf = (results: Results, rss: number, rssAfter: number, asked: number): Aim[] => [
  {
    name: 'served at 3 x, of the peak',
    value: results.servedPerS / results.peakPerS,
    unit: 'x',
    aim: 0.9,
    op: '>=',
  },
  {
    name: 'p99 of the served, of alone',
    value: results.served.p99 / results.alone.p99,
    unit: 'x',
    aim: 2,
    op: '<=',
  },
  {
    name: 'refused within 5 ms in the router',
    value: results.refusedWithin5Ms,
    unit: '',
    aim: 0.99,
    op: '>=',
  },
  { name: 'runs of what was late already', value: results.overdue, unit: '', aim: 0, op: '<=' },
  { name: 'extra attempts', value: results.extraAttempts / asked, unit: '', aim: 0.1, op: '<=' },
  { name: 'memory of router and engine', value: rssAfter / rss - 1, unit: '', aim: 0.05, op: '<=' },
  {
    name: 'runbook commands that failed',
    value: results.runbook.filter((code) => code !== 0).length,
    unit: '',
    aim: 0,
    op: '<=',
  },
  { name: 'well again after', value: results.recoveredAfterS, unit: 's', aim: 5, op: '<=' },
];
