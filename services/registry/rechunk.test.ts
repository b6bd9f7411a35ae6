import { expect, test } from 'vitest';
import { rechunk } from './rechunk.js';

async function* pieces(...sizes: number[]) {
  let next = 0;
  for (const size of sizes) yield Uint8Array.from({ length: size }, () => next++ % 251);
}
async function cut(...sizes: number[]): Promise<{ sizes: number[]; bytes: Buffer }> {
  const out: Uint8Array[] = [];
  for await (const piece of rechunk(pieces(...sizes), 100)) out.push(Uint8Array.from(piece));
  return { sizes: out.map((piece) => piece.length), bytes: Buffer.concat(out) };
}

test('however the bytes come, they leave in pieces of one size and in order', async () => {
  const whole = await cut(250);
  expect(whole.sizes).toEqual([100, 100, 50]);
  for (const sizes of [
    [1, 249],
    [99, 1, 100, 50],
    [100, 100, 50],
    [0, 250, 0],
  ])
    expect(await cut(...sizes)).toEqual(whole);
});

test('no bytes are no piece', async () => {
  expect((await cut()).sizes).toEqual([]);
  expect((await cut(0)).sizes).toEqual([]);
});
