// Whatever meets in the queue of a replica (sizes, shapes, deadlines, priorities, cancellations, nonsense), on a real engine with a
// real session: nobody gets another's rows, every request ends exactly once, and what expired or was called off was not run.
import { headers as natsHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERRORS, isErrorCode } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import { decodeInferResponse, encodeInferRequest } from '../../../contracts/infer-body.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { type Random, seededRandom } from '../../mesh/random.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { GraphBuilder } from '../../onnx/builder.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { float32 } from '../../onnx/tensor.js';
import { DrivenEngine } from '../testing/driven-engine.js';
import { signedVersion } from '../testing/signed-version.js';

let engine: DrivenEngine;
beforeAll(async () => {
  engine = await DrivenEngine.start();
}, 30_000);
afterAll(() => engine[Symbol.asyncDispose]());

const REQUESTS = 400;
/** A busy machine refuses most of a burst: then more are sent, until enough were answered to say something. */
const REQUESTS_MAX = 8_000;
const ANSWERED_MIN = 40;
const CAPACITY = 48;
const WIDTHS = [4, 7];

/**
 * `x` [n, width] and `state` [2, n, 3] to `y` = 2x and `next` = state + 1, so that each row says whose it is; and a product of
 * large matrices that costs a run its time without touching them.
 */
function marked(): Uint8Array {
  const g = new GraphBuilder({ opset: 17, name: 'marked' });
  const x = g.input('x', T.FLOAT, ['n', 'width']);
  const state = g.input('state', T.FLOAT, [2, 'n', 3]);
  const size = 384;
  const w = g.constant('w', float32([size, size], new Float32Array(size * size)));
  // Of the input, or the product would be folded into a constant at load.
  const large = g.op('MatMul', [g.op('Mul', [w, g.op('ReduceMax', [x], { keepdims: 0 })]), w]);
  const slowZero = g.op('ReduceMax', [large], { keepdims: 0 });
  g.op('Add', [g.op('Add', [x, x]), slowZero], {}, { outputs: ['y'] });
  g.op('Add', [state, g.float(1)], {}, { outputs: ['next'] });
  g.output('y', T.FLOAT, ['n', 'width']);
  g.output('next', T.FLOAT, [2, 'n', 3]);
  return g.bytes();
}

interface Sent {
  readonly n: number;
  readonly rows: number;
  readonly width: number;
  readonly kind: 'good' | 'brief' | 'wrong' | 'broken' | 'cancelled';
}

function draw(n: number, random: Random): Sent {
  const roll = random();
  const kind =
    roll < 0.6 ? 'good' : roll < 0.75 ? 'brief' : roll < 0.8 ? 'wrong' : roll < 0.85 ? 'broken' : 'cancelled';
  return { n, kind, rows: 1 + Math.floor(random() ** 3 * 12), width: WIDTHS[Math.floor(random() * 2)] ?? 4 };
}

const mark = (n: number, row: number): number => n * 32 + row;

function inputsOf({ n, rows, width, kind }: Sent): Tensor[] {
  const x = Float32Array.from({ length: rows * width }, (_, i) => mark(n, Math.floor(i / width)));
  const state = Float32Array.from({ length: 2 * rows * 3 }, (_, i) =>
    mark(n, Math.floor((i % (rows * 3)) / 3)),
  );
  return [
    { name: 'x', datatype: 'FP32', shape: [rows, width], data: x },
    { name: kind === 'wrong' ? 'stat' : 'state', datatype: 'FP32', shape: [2, rows, 3], data: state },
  ];
}

test.each([1, 2, 3])(
  'everybody gets their own rows, once, or a coded answer: seed %i',
  async (seed) => {
    const random = seededRandom(seed);
    const { replica } = await engine.load(signedVersion(marked(), { model: `marked-${seed}` }), CAPACITY);
    const { nc } = engine;
    const inbox = `_INBOX.property-${seed}`;
    const ends = new Map<number, string[]>();
    const wrongRows: number[] = [];
    const sent: Sent[] = [];
    const answers = nc.subscribe(`${inbox}.*`, {
      callback: (_, message) => {
        const n = Number(message.subject.split('.').at(-1));
        const code = message.headers?.get(headers.errorCode) ?? '';
        ends.set(n, [...(ends.get(n) ?? []), code || 'OK']);
        if (code !== '')
          return expect(isErrorCode(code) && message.headers?.get(headers.errorStatus)).toBe(
            String(ERRORS[code as 'DEADLINE'].http),
          );
        const length = Number(message.headers?.get(headers.jsonLength));
        const { outputs } = decodeInferResponse(message.data, length);
        const one = sent[n];
        if (one === undefined || !isOwn(outputs, one)) wrongRows.push(n);
      },
    });
    const before = await countsOf(replica);
    const answeredSoFar = () => [...ends.values()].filter(([code]) => code === 'OK').length;
    while (sent.length < REQUESTS || (answeredSoFar() <= ANSWERED_MIN && sent.length < REQUESTS_MAX)) {
      const burst = 1 + Math.floor(random() ** 2 * 60);
      for (let i = 0; i < burst; i++) {
        const one = draw(sent.length, random);
        sent.push(one);
        const body = encodeInferRequest({ parameters: {}, inputs: inputsOf(one), binaryOutput: true });
        const fields = natsHeaders();
        fields.set(headers.jsonLength, String(one.kind === 'broken' ? 3 : body.jsonLength));
        fields.set(headers.timeoutMs, String(one.kind === 'brief' ? 1 + Math.floor(random() * 8) : 20_000));
        fields.set(headers.priority, String(Math.floor(random() * 4) * 60));
        nc.publish(subjects.run(replica), body.bytes, { reply: `${inbox}.${one.n}`, headers: fields });
        if (one.kind === 'cancelled')
          nc.publish(subjects.cancel(replica), undefined, { reply: `${inbox}.${one.n}` });
      }
      await nc.flush();
      if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 20));
    }
    const ended = async () => {
      const { scheduling } = await countsOf(replica);
      return ends.size + scheduling.cancelled === sent.length;
    };
    await waitUntil('every request has ended', ended, 30_000);
    const after = await countsOf(replica);
    answers.unsubscribe();

    expect(wrongRows).toEqual([]);
    for (const [n, codes] of ends) expect([n, codes.length]).toEqual([n, 1]);
    const codeOf = (n: number): string | undefined => ends.get(n)?.[0];
    // Only those that were called off may end without an answer.
    for (const { n, kind } of sent) if (codeOf(n) === undefined) expect([n, kind]).toEqual([n, 'cancelled']);
    for (const { n, kind } of sent) {
      if (kind === 'wrong') expect(['TENSOR_MISMATCH', 'MAILBOX_FULL']).toContain(codeOf(n));
      if (kind === 'broken') expect(['BAD_REQUEST', 'MAILBOX_FULL']).toContain(codeOf(n));
      if (kind === 'good') expect(['OK', 'MAILBOX_FULL']).toContain(codeOf(n));
    }
    // What was run was answered with its rows: nothing expired, refused or called off was among it.
    const answered = sent.filter(({ n }) => codeOf(n) === 'OK');
    const rows = answered.reduce((sum, one) => sum + one.rows, 0);
    expect(after.statistics.inference_count - before.statistics.inference_count).toBe(rows);
    expect(after.statistics.execution_count - before.statistics.execution_count).toBeLessThan(
      answered.length,
    );
    expect(answered.length).toBeGreaterThan(ANSWERED_MIN);
    await engine.engine.unload(replica, 1_000);
  },
  60_000,
);

async function countsOf(replica: string) {
  const found = (await engine.engine.statistics()).find((one) => one.replica === replica);
  if (found === undefined) throw new Error('the engine does not know the replica');
  return found;
}

function isOwn([y, next]: readonly Tensor[], { n, rows, width }: Sent): boolean {
  const ys = [...((y?.data ?? []) as Float32Array)];
  const states = [...((next?.data ?? []) as Float32Array)];
  return (
    ys.length === rows * width &&
    states.length === 2 * rows * 3 &&
    ys.every((value, i) => value === 2 * mark(n, Math.floor(i / width))) &&
    states.every((value, i) => value === mark(n, Math.floor((i % (rows * 3)) / 3)) + 1)
  );
}
