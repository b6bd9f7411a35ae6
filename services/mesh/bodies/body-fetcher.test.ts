// Offers and fetches over a real server; the holder of some tests is turned by hand to lose, change and withhold parts.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createInbox, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readRange } from '../../../contracts/large-body.js';
import { type NatsServer, startNats } from '../../../deploy/local/nats.js';
import { BodyFetcher, CHUNK_BYTES } from './body-fetcher.js';
import { BodyOffers } from './body-offers.js';
import { type ChunkReference } from './body-transfer.js';
import { systemClock } from '../clock.js';
import { sha256InPieces } from '../sha256.js';
import { waitUntil } from '../testing/wait-until.js';

const LIMITS = { bodyMaxBytes: 16 * CHUNK_BYTES, heldMaxBytes: 20 * CHUNK_BYTES };
let dir: string;
let nats: NatsServer;
let holder: NatsConnection;
let taker: NatsConnection;
let offers: BodyOffers;
let fetcher: BodyFetcher;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-bodies-'));
  nats = await startNats({ dir, region: 'east' });
  [holder, taker] = await Promise.all([connect({ servers: nats.url }), connect({ servers: nats.url })]);
  offers = new BodyOffers(holder, systemClock);
  fetcher = new BodyFetcher(taker, systemClock, LIMITS);
});
afterEach(() => {
  expect(fetcher.heldBytes).toBe(0);
  expect(offers.heldBytes).toBe(0);
});
afterAll(async () => {
  fetcher.close();
  offers.close();
  await Promise.all([holder.close(), taker.close()]);
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

const soon = (ms = 20_000) => systemClock.monotonicMs() + ms;
const nothing = new Uint8Array();
const offered = async (body: Uint8Array, ms?: number) =>
  offers.offer(body, await sha256InPieces(body), soon(ms));

/** A holder of our own making: `answer` gives what goes out for a part, or nothing. */
async function held(
  body: Uint8Array,
  answer: (part: Uint8Array, count: number) => Uint8Array | undefined,
): Promise<ChunkReference & { readonly stop: () => void }> {
  const from = createInbox();
  let count = 0;
  const subscription = holder.subscribe(from, {
    callback: (_, message) => {
      const range = readRange(message.string());
      if (!range) return;
      const part = answer(body.subarray(range.offset, range.offset + range.length), ++count);
      if (part) message.respond(part);
    },
  });
  await holder.flush();
  const sha256 = await sha256InPieces(body);
  return { kind: 'chunks', bytes: body.length, sha256, from, stop: () => subscription.unsubscribe() };
}

test('bodies of every size around the parts arrive whole, whatever the message brought of them', async () => {
  const sizes = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 16 * CHUNK_BYTES];
  for (const size of sizes) {
    const body = randomBytes(size);
    for (const beginning of [0, Math.min(100, size), size]) {
      const offer = await offered(body);
      const got = await fetcher.fetch(offer.reference, body.subarray(0, beginning), { untilMs: soon() });
      expect(got.equals(body), `${size} bytes, ${beginning} in the message`).toBe(true);
      offer.close();
    }
  }
});

test('several bodies come side by side, within the bound on what is on its way', async () => {
  const bodies = [randomBytes(6 * CHUNK_BYTES), randomBytes(6 * CHUNK_BYTES), randomBytes(6 * CHUNK_BYTES)];
  const made = await Promise.all(bodies.map((body) => offered(body)));
  const fetched = made.map(({ reference }) =>
    fetcher.fetch(reference, nothing, { untilMs: soon(), last: true }),
  );
  expect(fetcher.heldBytes).toBe(18 * CHUNK_BYTES);
  const one = await offered(randomBytes(4 * CHUNK_BYTES));
  await expect(fetcher.fetch(one.reference, nothing, { untilMs: soon() })).rejects.toMatchObject({
    code: 'MAILBOX_FULL',
  });
  one.close();
  for (const [i, got] of (await Promise.all(fetched)).entries()) expect(got.equals(bodies[i]!)).toBe(true);
  // Fetched for the last time, so the holder forgets them by itself.
  await waitUntil('the holder is empty', () => offers.heldBytes === 0);
});

test('a body above the limit is refused before a byte of it is sent, by a sentence that names the limit', async () => {
  let asked = 0;
  const big = await held(randomBytes(16 * CHUNK_BYTES + 1), () => void asked++);
  await expect(fetcher.fetch(big, nothing, { untilMs: soon() })).rejects.toMatchObject({
    code: 'TOO_LARGE',
    message: expect.stringContaining(String(LIMITS.bodyMaxBytes)) as string,
  });
  expect(asked).toBe(0);
  big.stop();
});

test('parts that are lost on the way are asked for again; a connection that loses all of them is given up', async () => {
  const body = randomBytes(12 * CHUNK_BYTES);
  const leaky = await held(body, (part, count) => (count % 4 === 2 ? undefined : part));
  expect((await fetcher.fetch(leaky, nothing, { untilMs: soon() })).equals(body)).toBe(true);
  leaky.stop();
  const last = await held(body, (part, count) => (count === 12 ? undefined : part));
  expect((await fetcher.fetch(last, nothing, { untilMs: soon() })).equals(body)).toBe(true);
  last.stop();
  const silent = await held(body, () => undefined);
  await expect(fetcher.fetch(silent, nothing, { untilMs: soon(), silentMsMax: 600 })).rejects.toMatchObject({
    code: 'BODY_LOST',
  });
  await expect(fetcher.fetch(silent, nothing, { untilMs: soon(200) })).rejects.toMatchObject({
    code: 'DEADLINE',
  });
  silent.stop();
});

test('a changed byte and a part of another length are found out', async () => {
  const body = randomBytes(3 * CHUNK_BYTES);
  const changed = await held(body, (part, count) => {
    const other = Uint8Array.from(part);
    if (count === 2) other[5] = (other[5] ?? 0) ^ 1;
    return other;
  });
  await expect(fetcher.fetch(changed, nothing, { untilMs: soon() })).rejects.toMatchObject({
    code: 'BODY_DAMAGED',
  });
  changed.stop();
  const short = await held(body, (part) => part.subarray(1));
  await expect(fetcher.fetch(short, nothing, { untilMs: soon() })).rejects.toMatchObject({
    code: 'BODY_DAMAGED',
  });
  short.stop();
});

test('a holder that goes away in the middle is noticed at once, not at the deadline', async () => {
  const body = randomBytes(12 * CHUNK_BYTES);
  const vanishing = await held(body, (part, count) => {
    if (count === 5) vanishing.stop();
    return count < 5 ? part : undefined;
  });
  await expect(fetcher.fetch(vanishing, nothing, { untilMs: soon(600_000) })).rejects.toMatchObject({
    code: 'BODY_LOST',
  });
  const offer = await offered(body);
  offer.close();
  await expect(fetcher.fetch(offer.reference, nothing, { untilMs: soon() })).rejects.toMatchObject({
    code: 'BODY_LOST',
  });
});

test('what nobody fetches is forgotten in its time', async () => {
  await offered(randomBytes(10), 100);
  expect(offers.heldBytes).toBe(10);
  await waitUntil('forgotten', () => offers.heldBytes === 0);
});

test('a caller who gives up ends the transfer', async () => {
  const silent = await held(randomBytes(4 * CHUNK_BYTES), () => undefined);
  const over = new AbortController();
  const fetched = fetcher.fetch(silent, nothing, { untilMs: soon(), signal: over.signal });
  over.abort(new Error('enough'));
  await expect(fetched).rejects.toMatchObject({ message: 'enough' });
  silent.stop();
});
