// One model, the MLP 784-256-10, served four ways on this machine in one interleaved run: raw (a bare NATS responder), direct (client
// library to engine), router (the NATS front door), moleculer (an action over its NATS transporter; `moleculerLean` with base64 instead of
// an array of numbers). Closed loops of 1 and of 64.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, headers as natsHeaders } from '@nats-io/transport-node';
import moleculer from 'moleculer';
import { startMesh } from '../chaos-tests/harness.js';
import { questions } from '../chaos-tests/questions.js';
import { headers } from '../contracts/headers.js';
import { decodeInferResponse, encodeInferRequest, readJsonLength } from '../contracts/infer-body.js';
import { subjects } from '../contracts/subjects.js';
import { failureIn } from '../services/mesh/error-reply.js';
import { mlp } from '../services/onnx/testing/mlp.js';
import { type Call, closedLoop as loop } from './load/closed-loop.js';
import { type Aim, type Benchmark, type BenchOptions, percentile } from './report.js';

const ENDPOINT = 'mlp';
const WIDTH = 784;
/** Rounds of the whole interleaving; seconds a path gets in one round, for each of the two loops. */
const FORMS = {
  ci: { rounds: 1, seconds: 0.2 },
  quick: { rounds: 4, seconds: 1 },
  full: { rounds: 10, seconds: 2 },
} as const;
const DEPTHS = [1, 64] as const;

type Path = 'raw' | 'direct' | 'router' | 'moleculer' | 'moleculerLean';

export const benchmark: Benchmark = async ({ form, seed }: BenchOptions) => {
  await using mesh = await startMesh({ regions: ['east'], development: true });
  const model = mlp(seed);
  const modelPath = join(mesh.topology.dir, 'mlp.onnx');
  await writeFile(modelPath, model);
  await mesh.publish(ENDPOINT, [{ name: 'model.onnx', bytes: model }], 1);
  const url = mesh.natsUrls[0] as string;
  const peers = await Promise.all(['raw', 'moleculer'].map((peer) => startPeer(peer, url, modelPath)));
  try {
    const asked = await questions(model, 64, WIDTH);
    const inputs = asked.map(({ input }) => input);
    const input = (n: number): Float32Array => inputs[n % inputs.length] as Float32Array;
    const nc = await connect({ servers: url, noAsyncTraces: true });
    await using client = await mesh.client();
    const broker = new moleculer.ServiceBroker({
      nodeID: 'bench-caller',
      transporter: { type: 'NATS', options: { url } },
      logger: false,
      metrics: false,
    });
    await broker.start();
    await broker.waitForServices('mlp');

    const calls: Record<Path, Call> = {
      raw: async (n) => (await nc.request('bench.raw', bytesOf(input(n)), { timeout: 5_000 })).data,
      direct: (n) => client.infer(ENDPOINT, { x: { data: input(n), shape: [1, WIDTH] } }),
      router: async (n) => {
        const body = encodeInferRequest({
          parameters: {},
          inputs: [{ name: 'x', datatype: 'FP32', shape: [1, WIDTH], data: input(n) }],
          binaryOutput: true,
        });
        const sent = natsHeaders();
        sent.set(headers.jsonLength, String(body.jsonLength));
        const reply = await nc.request(subjects.infer(ENDPOINT), body.bytes, {
          timeout: 5_000,
          headers: sent,
        });
        const refusal = failureIn(reply);
        if (refusal) throw refusal;
        const jsonLength = readJsonLength(reply.headers?.get(headers.jsonLength), reply.data.length);
        return decodeInferResponse(reply.data, jsonLength);
      },
      moleculer: (n) => broker.call('mlp.infer', { x: Array.from(input(n)) }),
      moleculerLean: (n) => broker.call('mlp.lean', { x: Buffer.from(bytesOf(input(n))).toString('base64') }),
    };
    const results = await interleave(calls, FORMS[form]);
    await broker.stop();
    await nc.close();
    return { results, aims: aimsOf(results) };
  } finally {
    for (const peer of peers) peer.kill('SIGKILL');
  }
};

async function startPeer(name: string, url: string, modelPath: string): Promise<ChildProcess> {
  const peer = fork(join(import.meta.dirname, 'peers', `${name}.js`), [url, modelPath]);
  await once(peer, 'message');
  return peer;
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

interface Figures {
  readonly P50Us: number;
  readonly P99Us: number;
  readonly Rps: number;
  /** Calls asked again after a refusal. */
  readonly Refused: number;
}

type Results = Record<Path, Record<`at${(typeof DEPTHS)[number]}`, Figures>>;

async function interleave(
  calls: Record<Path, Call>,
  { rounds, seconds }: (typeof FORMS)['full' | 'quick' | 'ci'],
) {
  const paths = Object.keys(calls) as Path[];
  const latencies = new Map<string, number[]>();
  const rates = new Map<string, number[]>();
  const refusals = new Map<string, number>();
  for (const path of paths) await loop(calls[path], 64, 0.5, []); // warm: compiled code, learned tables
  for (let round = 0; round < rounds; round++) {
    for (const depth of DEPTHS) {
      // Another order each round, so that no path always follows the same neighbour.
      for (const path of [...paths.slice(round % paths.length), ...paths.slice(0, round % paths.length)]) {
        const key = `${path} ${depth}`;
        const samples = latencies.get(key) ?? [];
        latencies.set(key, samples);
        const { rps, refused } = await loop(calls[path], depth, seconds, samples);
        refusals.set(key, (refusals.get(key) ?? 0) + refused);
        rates.set(key, [...(rates.get(key) ?? []), rps]);
      }
    }
  }
  const figures = (path: Path, depth: number): Figures => {
    const samples = latencies.get(`${path} ${depth}`) ?? [];
    const rps = percentile(rates.get(`${path} ${depth}`) ?? [], 0.5);
    return {
      P50Us: Math.round(percentile(samples, 0.5)),
      P99Us: Math.round(percentile(samples, 0.99)),
      Rps: Math.round(rps),
      Refused: refusals.get(`${path} ${depth}`) ?? 0,
    };
  };
  const results = Object.fromEntries(
    paths.map((path) => [
      path,
      Object.fromEntries(DEPTHS.map((depth) => [`at${depth}`, figures(path, depth)])),
    ]),
  ) as Results;
  console.table(
    paths.flatMap((path) => DEPTHS.map((depth) => ({ path, 'in flight': depth, ...figures(path, depth) }))),
  );
  return results;
}

function aimsOf({ raw, direct, router, moleculer: peer }: Results): Aim[] {
  const ratio = (name: string, value: number, aim: number, op: Aim['op']): Aim => ({
    name,
    value,
    unit: 'x',
    aim,
    op,
  });
  return [
    ratio('direct p50 / raw, 1 in flight', direct.at1.P50Us / raw.at1.P50Us, 1.25, '<='),
    ratio('direct throughput / raw, 64 in flight', direct.at64.Rps / raw.at64.Rps, 1.25, '>='),
    ratio('router p50 / raw, 1 in flight', router.at1.P50Us / raw.at1.P50Us, 1.7, '<='),
    ratio('router throughput / raw, 64 in flight', router.at64.Rps / raw.at64.Rps, 0.9, '>='),
    ratio('direct throughput / moleculer, 64 in flight', direct.at64.Rps / peer.at64.Rps, 4, '>='),
  ];
}
