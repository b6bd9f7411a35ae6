import { Readable } from 'node:stream';
import { deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readBody } from './body-reader.js';
import type { Encoding } from './media.js';

const LIMIT = 1_000;
const read = (chunks: readonly Buffer[], encoding: Encoding = 'identity', declaredBytes?: number) =>
  readBody(Readable.from(chunks), { encoding, limitBytes: LIMIT, declaredBytes });
const sliced = (bytes: Buffer, size = 7): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

test('a body in many pieces arrives whole, plain and compressed', async () => {
  const body = Buffer.from('0123456789'.repeat(50));
  expect(await read(sliced(body))).toEqual(body);
  expect(await read(sliced(gzipSync(body)), 'gzip')).toEqual(body);
  expect(await read(sliced(deflateSync(body)), 'deflate')).toEqual(body);
});

test('an empty body is an empty buffer', async () => {
  expect(await read([])).toEqual(Buffer.alloc(0));
});

test('a body of exactly the limit is taken, one byte more is refused', async () => {
  expect((await read([Buffer.alloc(LIMIT)])).length).toBe(LIMIT);
  await expect(read([Buffer.alloc(LIMIT + 1)])).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

test('a declared length over the limit is refused whatever comes', async () => {
  await expect(read([Buffer.alloc(1)], 'identity', LIMIT + 1)).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

test('a bomb of a few bytes is refused when its inflated bytes pass the limit', async () => {
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  await expect(
    readBody(Readable.from([bomb]), { encoding: 'gzip', limitBytes: 100_000, declaredBytes: bomb.length }),
  ).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

test('who goes on sending far beyond the limit is cut off before the end', async () => {
  let sent = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) {
        sent += 100;
        yield Buffer.alloc(100);
      }
    })(),
  );
  await expect(
    readBody(endless, { encoding: 'identity', limitBytes: LIMIT, declaredBytes: undefined }),
  ).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
  expect(sent).toBeLessThan(LIMIT * 10);
});

test('bytes that do not inflate are a bad request', async () => {
  await expect(read([Buffer.from('not gzip at all')], 'gzip')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  await expect(read([gzipSync('abcdefgh').subarray(0, 12)], 'gzip')).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
});
