// Engines that die in the middle of a large transfer, in either direction: whoever is at the other end learns it by a code and holds nothing.
import { randomBytes } from 'node:crypto';
import { Objm } from '@nats-io/obj';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buckets } from '../../../contracts/buckets.js';
import { headers } from '../../../contracts/headers.js';
import { encodeInferRequest } from '../../../contracts/infer-body.js';
import { readReference } from '../../../contracts/large-body.js';
import { subjects } from '../../../contracts/subjects.js';
import { systemClock } from '../../mesh/clock.js';
import { LargeBodies, OutgoingBody } from '../../mesh/bodies/large-bodies.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { identity } from '../../onnx/testing/identity.js';
import { DrivenEngine } from '../testing/driven-engine.js';
import { signedVersion } from '../testing/signed-version.js';

const BYTES = 20 * 1_048_576;
const BODY_MAX_BYTES = 2 * BYTES;
let engine: DrivenEngine;
let replica: string;
let bodies: LargeBodies;

beforeEach(async () => {
  engine = await DrivenEngine.start(1, BODY_MAX_BYTES);
  ({ replica } = await engine.load(signedVersion(identity(T.UINT8))));
  bodies = new LargeBodies(engine.nc, systemClock);
}, 30_000);
afterEach(async () => {
  bodies.close();
  await engine[Symbol.asyncDispose]();
});

const soon = () => systemClock.monotonicMs() + 20_000;

/** A request whose body is fetched from us; `answer` settles when the message is answered or nobody is there. */
async function send(acceptBody: string) {
  const body = encodeInferRequest({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'UINT8', shape: [BYTES], data: randomBytes(BYTES) }],
    binaryOutput: true,
  });
  const large = await OutgoingBody.of(body, BODY_MAX_BYTES, soon());
  const sent = natsHeaders();
  sent.set(headers.acceptBody, acceptBody);
  sent.set(headers.timeoutMs, '20000');
  sent.set(headers.jsonLength, String(body.jsonLength));
  sent.set(headers.body, large.referenceOn(bodies));
  const ask = (timeout: number) =>
    engine.nc.request(subjects.run(replica), large.beginning, { timeout, headers: sent });
  return { large, ask };
}

test('the answer of an engine that is killed while it is fetched is lost by name, and nothing of it is kept', async () => {
  const { large, ask } = await send('chunks');
  const message = await ask(20_000);
  large.close();
  const reference = readReference(message.headers?.get(headers.body) ?? '');
  if (reference.kind !== 'chunks') throw new Error('answered otherwise');
  const fetching = bodies.fetcher.fetch(reference, message.data, { untilMs: soon(), last: true });
  engine.engine.kill();
  await expect(fetching).rejects.toMatchObject({ code: 'BODY_LOST', retryable: true });
  expect([bodies.fetcher.heldBytes, bodies.offers.heldBytes]).toEqual([0, 0]);
});

test('a request whose engine is killed while it fetches the body finds nobody when it is sent again, and is let go', async () => {
  const { large, ask } = await send('chunks');
  const answer = ask(20_000).catch(() => 'none');
  await waitUntil('the engine fetches', () => Number.isFinite(large.fetchedAtMs(bodies)));
  engine.engine.kill();
  await engine.ended;
  await expect(ask(20_000)).rejects.toThrow(/no responders/i);
  large.close();
  expect([bodies.fetcher.heldBytes, bodies.offers.heldBytes]).toEqual([0, 0]);
  await engine.nc.close();
  expect(await answer).toBe('none');
});

test('an engine that is killed while it stores an answer leaves no object behind', async () => {
  const store = await new Objm(engine.nc).create(buckets.bodies('east'), {});
  const { large, ask } = await send('object');
  const answer = ask(20_000).catch(() => 'none');
  await waitUntil('a part of the answer is stored', async () => (await store.status()).size > 0);
  engine.engine.kill();
  await engine.ended;
  expect(await store.list()).toEqual([]);
  large.close();
  await engine.nc.close();
  expect(await answer).toBe('none');
});
