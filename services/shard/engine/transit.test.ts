import { expect, test } from 'vitest';
import { Transit } from './transit.js';

/** A server whose answers come when the test says so. */
class Line {
  nowMs = 1_000;
  private readonly awaited: { readonly resolve: () => void; readonly reject: () => void }[] = [];
  readonly transit = new Transit(
    () => new Promise<void>((resolve, reject) => this.awaited.push({ resolve, reject })),
    { monotonicMs: () => this.nowMs },
  );

  get asked(): number {
    return this.awaited.length;
  }

  async answer(): Promise<void> {
    this.awaited.shift()?.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }

  async breaks(): Promise<void> {
    for (const one of this.awaited.splice(0)) one.reject();
    await Promise.resolve();
    await Promise.resolve();
  }
}

test('while nothing is known a message is as young as it looks', () => {
  const { transit } = new Line();
  expect(transit.ofMessage(1_000)).toBe(0);
});

test('what is read before the answer is as old as the question, and what is read after it as old as it was', async () => {
  const line = new Line();
  line.transit.measure();
  line.nowMs += 80;
  expect(line.transit.ofMessage(line.nowMs)).toBe(80);
  await line.answer();
  expect(line.transit.ofMessage(line.nowMs)).toBe(80);
});

test('where messages stand, those that are read keep it measuring although nothing is run', async () => {
  const line = new Line();
  line.transit.measure();
  for (let nth = 0; nth < 10; nth++) {
    line.nowMs += 40;
    await line.answer();
    line.transit.ofMessage(line.nowMs);
    expect(line.asked).toBe(1);
  }
  line.nowMs += 2;
  await line.answer();
  expect(line.transit.ofMessage(line.nowMs)).toBe(2);
  expect(line.asked).toBe(0);
});

test('what was measured before a pause says nothing after it', async () => {
  const line = new Line();
  line.transit.measure();
  line.nowMs += 80;
  await line.answer();
  line.nowMs += 1_000;
  expect(line.transit.ofMessage(line.nowMs)).toBe(0);
});

test('with the connection goes what lay there', async () => {
  const line = new Line();
  line.transit.measure();
  line.nowMs += 80;
  await line.breaks();
  expect(line.transit.ofMessage(line.nowMs)).toBe(0);
});
