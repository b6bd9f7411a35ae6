// How long does a caller wait who wakes a sleeping endpoint? From zero replicas to the answer, through the router, the REST door and
// the client's own table, on a mesh of one region; and how much of it the load in the engine takes. Who calls at even intervals should
// not wait at all: his model is loaded before he comes.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DrillMesh, eventually, startMesh } from '../chaos-tests/harness.js';
import type { MassifClient } from '../client/mod.js';
import type { Heartbeat } from '../contracts/heartbeat.js';
import { root } from '../deploy/local/root.mjs';
import { hearBeats } from '../services/mesh/hear-beats.js';
import { silentLog } from '../services/mesh/log.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { type Benchmark, percentile, round } from './report.js';

const ASSETS = join(root, 'node_modules', '@gutenye', 'ocr-models', 'assets');
const ROUNDS = { ci: 1, quick: 6, full: 40 } as const;
const PATIENT_MS = 10_000;
const IDLE_MS = 1_000;
/** Visits at even intervals: the first are learned from, the others should find the model there. */
const EVERY_MS = 5_000;
const LEARNED_FROM = 4;
const EXPECTED = { ci: 0, quick: 8, full: 40 } as const;

interface Sleeper {
  readonly name: string;
  readonly model: Uint8Array;
  readonly card?: object;
  readonly inputs: Parameters<MassifClient['infer']>[1];
}

export const benchmark: Benchmark = async ({ form }) => {
  await using mesh = await startMesh({ regions: ['east'], shardsPerRegion: 1 });
  const sleepers = await allSleepers();
  const replicas = new Replicas();
  const nc = await mesh.nats('operator');
  hearBeats({ nc }, silentLog, (beat) => replicas.hear(beat));
  await using routed = await mesh.client({ mode: 'routed' });
  await using direct = await mesh.client();
  const rows: Record<string, number | string>[] = [];
  const all: number[][] = [];
  const loads: number[][] = [];
  for (const sleeper of sleepers) {
    await publish(mesh, routed, sleeper);
    for (const [way, client] of [
      ['router', routed],
      ['client', direct],
    ] as const) {
      const took: number[] = [];
      const loaded: number[] = [];
      for (let i = 0; i < ROUNDS[form]; i++) {
        await waitUntil(`${sleeper.name} sleeps`, () => replicas.of(sleeper.name) === 0, 30_000);
        await sleep(100);
        const begun = performance.now();
        await client.infer(sleeper.name, sleeper.inputs, { timeoutMs: PATIENT_MS });
        took.push(performance.now() - begun);
        await waitUntil('the heartbeat says ready', () => replicas.isReady(sleeper.name));
        // A load that is over before it is told is none that somebody saw begin.
        const loadMs = replicas.loadMs(sleeper.name);
        if (loadMs !== undefined) loaded.push(loadMs);
      }
      all.push(took);
      if (loaded.length > 0) loads.push(loaded);
      rows.push({
        model: sleeper.name,
        MB: round(sleeper.model.length / 1e6),
        through: way,
        rounds: took.length,
        'p50 ms': round(percentile(took, 0.5)),
        'p99 ms': round(percentile(took, 0.99)),
        'load p50 ms': round(percentile(loaded, 0.5)),
      });
    }
  }
  const even = await evenVisits(routed, sleepers[0], replicas, EXPECTED[form]);
  rows.push(...even.rows);
  await nc.close();
  console.table(rows);
  const aim = (name: string, value: number, most: number) => ({
    name,
    value,
    unit: 'ms',
    aim: most,
    op: '<=' as const,
  });
  return {
    results: { rows },
    aims: [
      aim('zero to first answer, p50 of the slowest row', worst(all, 0.5), 500),
      aim('the same, p99', worst(all, 0.99), 1_000),
      aim('load into an engine that is there, p50 of the slowest row', worst(loads, 0.5), 100),
      ...(form === 'ci'
        ? []
        : [
            {
              name: 'expected visits that found the model there',
              value: even.found,
              unit: '%',
              aim: 90,
              op: '>=' as const,
            },
          ]),
    ],
  };
};

/** A model that sleeps between visits at even intervals, and what its visitors wait. */
async function evenVisits(
  client: MassifClient,
  sleeper: Sleeper | undefined,
  replicas: Replicas,
  expected: number,
): Promise<{ rows: Record<string, number | string>[]; found: number }> {
  if (!sleeper || expected === 0) return { rows: [], found: 100 };
  const [first, later]: [number[], number[]] = [[], []];
  let found = 0;
  const begun = performance.now();
  for (let visit = 0; visit < LEARNED_FROM + expected; visit++) {
    await sleep(Math.max(0, begun + visit * EVERY_MS - performance.now()));
    const isExpected = visit >= LEARNED_FROM;
    if (isExpected && replicas.isReady(sleeper.name)) found++;
    const from = performance.now();
    await client.infer(sleeper.name, sleeper.inputs, { timeoutMs: PATIENT_MS });
    (isExpected ? later : first).push(performance.now() - from);
  }
  const row = (through: string, took: readonly number[]) => ({
    model: sleeper.name,
    MB: round(sleeper.model.length / 1e6),
    through,
    rounds: took.length,
    'p50 ms': round(percentile(took, 0.5)),
    'p99 ms': round(percentile(took, 0.99)),
  });
  const rows = [row('even visits, the first', first), row('even visits, expected', later)];
  return { rows, found: (100 * found) / expected };
}

const worst = (rows: readonly number[][], p: number): number =>
  Math.max(...rows.map((row) => percentile(row, p)));

async function allSleepers(): Promise<Sleeper[]> {
  const [seen, heard] = [new Float32Array(784), new Float32Array(3 * 48 * 320)];
  return [
    { name: 'small', model: mlp(1), inputs: { x: { data: seen, shape: [1, 784] } } },
    {
      name: 'recogniser',
      model: await readFile(join(ASSETS, 'ch_PP-OCRv4_rec_infer.onnx')),
      card: { warmDims: { 'x:0': 1, 'x:2': 48, 'x:3': 320 } },
      inputs: { x: { data: heard, shape: [1, 3, 48, 320] } },
    },
  ];
}

async function publish(mesh: DrillMesh, client: MassifClient, { name, model, card }: Sleeper): Promise<void> {
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const files = [
    { name: 'model.onnx', bytes: model },
    ...(card ? [{ name: 'card.json', bytes: Buffer.from(JSON.stringify(card)) }] : []),
  ];
  await eventually('the registry takes a push', () =>
    client.registry.push(files, { model: name, label: '1', privateKeyPem, aliases: ['stable'] }),
  );
  const scaling = { minReplicas: 0, maxReplicas: 1, idleMs: IDLE_MS };
  await client.registry.deploy({ endpoint: name, model: name, scaling });
}

/** What heartbeats say of replicas, and how long the last load of each model took. */
class Replicas {
  private readonly states = new Map<string, string>();
  private readonly begunMs = new Map<string, number>();
  private readonly tookMs = new Map<string, number>();

  hear({ replicas }: Heartbeat): void {
    const now = performance.now();
    const here = new Map(replicas.map(({ model, state }) => [model, state]));
    for (const [model, state] of here) {
      if ((state === 'loading' || state === 'warming') && !this.begunMs.has(model))
        this.begunMs.set(model, now);
      const begun = this.begunMs.get(model);
      if (state !== 'ready' || begun === undefined) continue;
      this.tookMs.set(model, now - begun);
      this.begunMs.delete(model);
    }
    this.states.clear();
    for (const [model, state] of here) this.states.set(model, state);
  }

  of(model: string): number {
    return this.states.has(model) ? 1 : 0;
  }

  isReady(model: string): boolean {
    return this.states.get(model) === 'ready';
  }

  /** Once for each load. */
  loadMs(model: string): number | undefined {
    const took = this.tookMs.get(model);
    this.tookMs.delete(model);
    return took;
  }
}
