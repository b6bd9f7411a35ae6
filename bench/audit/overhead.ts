// The same version on two shards of one mesh, one that tells the auditor what it answers and one that does not: asked in turn, directly at
// their engines, where a microsecond more shows most. The auditor listens and judges on the same machine.
import { type NatsConnection, headers as natsHeaders } from '@nats-io/transport-node';
import { headers } from '../../contracts/headers.js';
import { encodeInferRequest } from '../../contracts/infer-body.js';
import { subjects } from '../../contracts/subjects.js';
import { failureIn } from '../../services/mesh/error-reply.js';
import { type Call, closedLoop } from '../load/closed-loop.js';
import { percentile } from '../report.js';

const WIDTH = 784;
const TIMEOUT_MS = 5_000;
const DEPTH = 64;
/** Of a lone request the tail is looked at, and a tail wants more requests than a rate. */
const ALONE = 1.5;

export interface Watched<T> {
  readonly on: T;
  readonly off: T;
}

export interface OverheadForm {
  readonly rounds: number;
  /** For each side, with many requests under way; half as much again with one. */
  readonly seconds: number;
}

/** Asks one replica; throws for an answer that is an error. */
export function askerOf(nc: NatsConnection, replica: string, inputs: readonly Float32Array[]): Call {
  const bodies = inputs.map((data) =>
    encodeInferRequest({
      parameters: {},
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, WIDTH], data }],
      binaryOutput: true,
    }),
  );
  return async (n) => {
    const body = bodies[n % bodies.length];
    if (body === undefined) throw new Error('there is something to ask');
    const sent = natsHeaders();
    sent.set(headers.timeoutMs, String(TIMEOUT_MS));
    sent.set(headers.jsonLength, String(body.jsonLength));
    const reply = await nc.request(subjects.run(replica), body.bytes, { timeout: TIMEOUT_MS, headers: sent });
    const refusal = failureIn(reply);
    if (refusal) throw refusal;
  };
}

export interface Seen {
  readonly us: Readonly<Record<'on' | 'off', number[]>>;
  /** On over off, one of each round: what the machine did meanwhile touched both. */
  readonly ratios: Readonly<Record<'p50' | 'p99' | 'rps', number[]>>;
}

export async function overhead(calls: Watched<Call>, { rounds, seconds }: OverheadForm): Promise<Seen> {
  const sides = ['on', 'off'] as const;
  for (const side of sides) await closedLoop(calls[side], DEPTH, seconds, []);
  const us: Record<'on' | 'off', number[]> = { on: [], off: [] };
  const ratios: Record<'p50' | 'p99' | 'rps', number[]> = { p50: [], p99: [], rps: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? sides : sides.toReversed();
    const alone: Record<'on' | 'off', number[]> = { on: [], off: [] };
    const rps = { on: 0, off: 0 };
    for (const side of order) await closedLoop(calls[side], 1, seconds * ALONE, alone[side]);
    for (const side of order) rps[side] = (await closedLoop(calls[side], DEPTH, seconds, [])).rps;
    for (const side of sides) us[side].push(...alone[side]);
    const ratio = (p: number) => percentile(alone.on, p) / percentile(alone.off, p);
    ratios.p50.push(ratio(0.5));
    ratios.p99.push(ratio(0.99));
    ratios.rps.push(rps.on / rps.off);
  }
  return { us, ratios };
}

/**
 * Of meshes in which the shards change roles: two processes of the same program differ by some per cent for as long as they live, and
 * that is no cost of being observed. Medians over the rounds of each, then their mean on a scale of ratios.
 */
export function costOf(seen: readonly Seen[]) {
  const us = { on: seen.flatMap((one) => one.us.on), off: seen.flatMap((one) => one.us.off) };
  const change = (of: keyof Seen['ratios']): number =>
    (Math.exp(mean(seen.map(({ ratios }) => Math.log(percentile(ratios[of], 0.5))))) - 1) * 100;
  const each = (of: keyof Seen['ratios']): number[] =>
    seen.map(({ ratios }) => (percentile(ratios[of], 0.5) - 1) * 100);
  return {
    rounds: seen.reduce((sum, { ratios }) => sum + ratios.rps.length, 0),
    samples: { on: us.on.length, off: us.off.length },
    p50Us: { on: percentile(us.on, 0.5), off: percentile(us.off, 0.5) },
    p99Us: { on: percentile(us.on, 0.99), off: percentile(us.off, 0.99) },
    percent: { p50: change('p50'), p99: change('p99'), throughput: change('rps') },
    /** Of each mesh alone: how far they lie apart is what the processes themselves differ by. */
    percentOfEach: { p50: each('p50'), p99: each('p99'), throughput: each('rps') },
    /** Half of all rounds lie between these. */
    p99Quartiles: [0.25, 0.75].map(
      (p) =>
        (percentile(
          seen.flatMap(({ ratios }) => ratios.p99),
          p,
        ) -
          1) *
        100,
    ),
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
