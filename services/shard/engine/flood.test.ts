// A real engine on a real bus that is sent many times what it can run. How much of it is served is for `bench overload`; here everybody is told.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Tensor } from '../../../contracts/tensor.js';
import { slow } from '../../onnx/testing/slow.js';
import { DrivenEngine, type Reply } from '../testing/driven-engine.js';
import { signedVersion } from '../testing/signed-version.js';

const TIMEOUT_MS = 500;
const WAVES = 120;
const WAVE = 15;
const trips = (n: number): Tensor => ({
  name: 'n',
  datatype: 'INT64',
  shape: [],
  data: BigInt64Array.of(BigInt(n)),
});

test('an engine that is sent more than it can do serves on: nothing runs late, and whoever is not served is told so', async () => {
  await using engine = await DrivenEngine.start();
  const { replica } = await engine.load(signedVersion(slow(), { model: 'slow' }));
  const startedMs = performance.now();
  await engine.call(replica, [trips(500)]);
  const runOf20Ms = [trips(Math.ceil((500 * 20) / (performance.now() - startedMs)))];

  const before = await counted(engine);
  const sent: Promise<Reply>[] = [];
  for (let wave = 0; wave < WAVES; wave++) {
    for (let n = 0; n < WAVE; n++) sent.push(engine.call(replica, runOf20Ms, { timeoutMs: TIMEOUT_MS }));
    await sleep(10);
  }
  const codes = (await Promise.all(sent)).map(({ code }) => code);
  const after = await counted(engine);

  const served = codes.filter((code) => code === 'OK').length;
  expect(codes.slice(0, codes.length / 2)).toContain('OK');
  expect(codes.slice(codes.length / 2)).toContain('OK');
  expect(new Set(codes)).toContain('MAILBOX_FULL');
  expect(codes.filter((code) => !['OK', 'MAILBOX_FULL', 'DEADLINE'].includes(code))).toEqual([]);
  expect(after.overdue).toBe(0);
  // Each run had somebody who got its answer.
  expect(after.runs - before.runs).toBe(served);
  expect((await engine.callPatiently(replica, [trips(1)])).code).toBe('OK');
}, 60_000);

async function counted({ engine }: DrivenEngine): Promise<{ runs: number; overdue: number }> {
  const [replica] = await engine.statistics();
  return {
    runs: replica?.statistics.inference_count ?? Number.NaN,
    overdue: replica?.scheduling.overdue ?? Number.NaN,
  };
}
