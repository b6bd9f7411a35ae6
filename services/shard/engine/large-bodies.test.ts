// Large requests and answers through a real engine, asked directly, through a router and from a plain NATS client.
import { randomBytes } from 'node:crypto';
import { Objm } from '@nats-io/obj';
import { createInbox, headers as natsHeaders } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets } from '../../../contracts/buckets.js';
import { headers } from '../../../contracts/headers.js';
import { decodeInferResponse, encodeInferRequest } from '../../../contracts/infer-body.js';
import { readReference, writeReference } from '../../../contracts/large-body.js';
import { subjects } from '../../../contracts/subjects.js';
import { LargeBodies, messageBytesMax, OutgoingBody } from '../../mesh/bodies/large-bodies.js';
import { systemClock } from '../../mesh/clock.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { TensorProto_DataType as T } from '../../onnx/proto/onnx_pb.js';
import { identity } from '../../onnx/testing/identity.js';
import { DrivenEngine, type Reply, replyOf } from '../testing/driven-engine.js';
import { signedVersion } from '../testing/signed-version.js';

const BODY_MAX_BYTES = 24_000_000;
const MIB = 1_048_576;
let engine: DrivenEngine;
let replica: string;
let bodies: LargeBodies;

beforeAll(async () => {
  engine = await DrivenEngine.start(1, BODY_MAX_BYTES);
  ({ replica } = await engine.load(signedVersion(identity(T.UINT8))));
  bodies = new LargeBodies(engine.nc, systemClock);
}, 30_000);
afterAll(async () => {
  bodies.close();
  await engine[Symbol.asyncDispose]();
});

const soon = () => systemClock.monotonicMs() + 20_000;
const bodyOf = (data: Uint8Array) =>
  encodeInferRequest({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'UINT8', shape: [data.length], data }],
    binaryOutput: true,
  });

/** As the client library does it: by reference where a message does not carry it, and fetching what is answered so. */
async function ask(
  data: Uint8Array,
  fields: Record<string, string> = {},
): Promise<Reply & { bytes: Uint8Array }> {
  const body = bodyOf(data);
  const isLarge = body.bytes.length > messageBytesMax(engine.nc);
  const large = isLarge ? await OutgoingBody.of(body, Number.POSITIVE_INFINITY, soon()) : undefined;
  const sent = natsHeaders();
  const all = { [headers.acceptBody]: 'chunks', [headers.timeoutMs]: '20000', ...fields };
  for (const [key, value] of Object.entries(all)) if (value) sent.set(key, value);
  sent.set(headers.jsonLength, String(body.jsonLength));
  if (large) sent.set(headers.body, large.referenceOn(bodies));
  try {
    const subject = subjects.run(replica);
    const message = await engine.nc.request(subject, large ? large.beginning : body.bytes, {
      timeout: 25_000,
      headers: sent,
    });
    const reference = message.headers?.get(headers.body);
    if (!reference) return { ...replyOf(message), bytes: message.data };
    const where = readReference(reference);
    if (where.kind !== 'chunks') throw new Error(`answered with ${reference}`);
    const bytes = await bodies.fetcher.fetch(where, message.data, { untilMs: soon(), last: true });
    const response = decodeInferResponse(bytes, Number(message.headers?.get(headers.jsonLength)));
    return { code: 'OK', message, response, bytes };
  } finally {
    large?.close();
  }
}

const sameData = (reply: Reply, data: Uint8Array): boolean =>
  Buffer.compare((reply.response?.outputs[0]?.data ?? []) as Uint8Array, data) === 0;

test('sizes around what a message carries and around the parts come back as they went', async () => {
  const carried = messageBytesMax(engine.nc) - bodyOf(new Uint8Array(8 * MIB)).jsonLength!;
  for (const size of [carried - 1, carried, carried + 1, 8 * MIB, 17 * MIB + 3]) {
    const data = randomBytes(size);
    const reply = await ask(data);
    expect(reply.code, `${size}`).toBe('OK');
    expect(sameData(reply, data), `${size}`).toBe(true);
  }
});

test('a request above the limit is refused at once and by name, whatever its time', async () => {
  const reply = await ask(new Uint8Array(BODY_MAX_BYTES));
  expect(reply.code).toBe('TOO_LARGE');
  expect(reply.message.string()).toContain(`${BODY_MAX_BYTES} (MASSIF_BODY_MAX_BYTES)`);
});

test('a caller who cannot take a large answer is told how to ask for it', async () => {
  const reply = await ask(randomBytes(9 * MIB), { [headers.acceptBody]: '' });
  expect(reply.code).toBe('TOO_LARGE');
  expect(reply.message.string()).toContain('Massif-Accept-Body: object');
  expect(reply.message.string()).toContain(buckets.bodies('east'));
});

test('a caller without our library sends and gets objects of a bucket', async () => {
  const store = await new Objm(engine.nc).create(buckets.bodies('east'), {});
  const data = randomBytes(9 * MIB);
  const body = bodyOf(data);
  await store.putBlob({ name: 'mine' }, body.bytes);
  const send = (fields: Record<string, string>) =>
    engine.send(replica, new Uint8Array(), {
      [headers.jsonLength]: String(body.jsonLength),
      [headers.timeoutMs]: '20000',
      [headers.acceptBody]: 'object',
      ...fields,
    });
  const asked = natsHeaders();
  asked.set(headers.jsonLength, String(body.jsonLength));
  asked.set(headers.acceptBody, 'object');
  asked.set(headers.body, 'object=east/mine');
  const message = await engine.nc.request(subjects.run(replica), '', { timeout: 20_000, headers: asked });
  const reference = readReference(message.headers?.get(headers.body) ?? '');
  if (reference.kind !== 'object') throw new Error('answered otherwise');
  expect(reference.region).toBe('east');
  const got = await store.getBlob(reference.name);
  const response = decodeInferResponse(got!, Number(message.headers?.get(headers.jsonLength)));
  expect(Buffer.compare(response.outputs[0]?.data as Uint8Array, data)).toBe(0);
  expect((await send({ [headers.body]: 'object=east/nothing' })).code).toBe('BODY_LOST');
  expect((await send({ [headers.body]: 'object=east/mine bytes=5' })).code).toBe('BODY_DAMAGED');
  expect((await send({ [headers.body]: `object=east/mine sha256=${'0'.repeat(64)}` })).code).toBe(
    'BODY_DAMAGED',
  );
});

test('a body with another digest, and one whose holder is gone, are refused with a code', async () => {
  const data = randomBytes(9 * MIB);
  const body = bodyOf(data);
  const large = await OutgoingBody.of(body, BODY_MAX_BYTES, soon());
  const reference = readReference(large.referenceOn(bodies));
  if (reference.kind !== 'chunks') throw new Error('no');
  const send = (line: string) =>
    engine.send(replica, large.beginning, {
      [headers.jsonLength]: String(body.jsonLength),
      [headers.timeoutMs]: '20000',
      [headers.body]: line,
    });
  expect((await send(writeReference({ ...reference, sha256: '0'.repeat(64) }))).code).toBe('BODY_DAMAGED');
  expect((await send(writeReference({ ...reference, from: createInbox() }))).code).toBe('BODY_LOST');
  expect((await send('from=massif.infer.x bytes=1')).code).toBe('BAD_REQUEST');
  large.close();
  expect((await send(writeReference(reference))).code).toBe('BODY_LOST');
});

test('a request whose time is over while its body arrives is not run', async () => {
  // A holder that answers nothing.
  const from = createInbox();
  const silent = engine.nc.subscribe(from, { callback: () => undefined });
  const reply = await engine.send(replica, new Uint8Array(), {
    [headers.jsonLength]: '10',
    [headers.timeoutMs]: '300',
    [headers.body]: writeReference({ kind: 'chunks', bytes: 9 * MIB, sha256: '0'.repeat(64), from }),
  });
  expect(reply.code).toBe('DEADLINE');
  silent.unsubscribe();
});

test('small calls are answered while two large ones are on their way', async () => {
  const big = [randomBytes(20 * MIB), randomBytes(20 * MIB)];
  let over = false;
  const large = Promise.all(big.map((data) => ask(data))).finally(() => (over = true));
  let during = 0;
  for (let n = 0; !over; n++) {
    const data = Uint8Array.of(n & 255);
    const reply = await ask(data);
    expect(sameData(reply, data)).toBe(true);
    if (!over) during++;
  }
  for (const [i, reply] of (await large).entries()) {
    expect(reply.code).toBe('OK');
    expect(sameData(reply, big[i]!)).toBe(true);
  }
  expect(during).toBeGreaterThan(5);
});

test('more large requests than the engine has room for are told so, and the room comes back', async () => {
  const from = createInbox();
  const silent = engine.nc.subscribe(from, { callback: () => undefined });
  const send = () =>
    engine.send(replica, new Uint8Array(), {
      [headers.jsonLength]: '10',
      [headers.timeoutMs]: '1500',
      [headers.body]: writeReference({ kind: 'chunks', bytes: 20 * MIB, sha256: '0'.repeat(64), from }),
    });
  const codes = (await Promise.all([send(), send(), send(), send()])).map(({ code }) => code);
  expect(codes.filter((code) => code === 'DEADLINE')).toHaveLength(2);
  expect(codes.filter((code) => code === 'MAILBOX_FULL')).toHaveLength(2);
  silent.unsubscribe();
  const data = randomBytes(20 * MIB);
  expect(sameData(await ask(data), data)).toBe(true);
  await waitUntil('nothing is offered any more', () => bodies.offers.heldBytes === 0);
});
