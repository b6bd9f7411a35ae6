// The ring of samples and its rules on a real JetStream.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Sample, SAMPLES_OF_MODEL, SamplingRules } from '../../../contracts/sampling.js';
import { subjects } from '../../../contracts/subjects.js';
import { startNats } from '../../../deploy/local/nats.js';
import { connectBus } from '../../mesh/bus.js';
import { systemClock } from '../../mesh/clock.js';
import type { Tale } from '../../mesh/tell-audit.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { Samples } from './samples.js';

const sample = (n: number, model = 'ocr'): Sample => ({
  ...{ model, label: '1', version: 'a'.repeat(64), region: 'east', replica: 'shard-east-1_a' },
  ...{ at: '2026-01-01T00:00:00.000Z', requestId: `r${n}`, inputs: [], outputs: [] },
  counts: { life: 'l', seen: n, kept: n, dropped: 0 },
});

test('rules are told to engines and outlive the auditor, the ring keeps the newest of each model, and reading is written down', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'massif-samples-'));
  const nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  const bus = await connectBus({ url: nats.url, name: 'auditor', region: 'east' });
  const tales: Tale[] = [];
  const open = () =>
    Samples.open({ bus, region: 'east', clock: systemClock, tell: (tale) => void tales.push(tale) });
  try {
    const samples = await open();
    const told: SamplingRules[] = [];
    bus.nc.subscribe(subjects.sampling(), {
      callback: (_, message) => void told.push(SamplingRules.parse(message.json())),
    });
    const rule = {
      ...{ model: 'ocr', rate: 0.1, keep: ['x'], plain: false, onSuspicion: true },
      ...{ until: '2100-01-01T00:00:00Z', by: 'ada' },
    };
    await samples.change({ rule, by: 'ada' });
    await waitUntil('the rule is told', () => told.at(-1)?.rules[0]?.rate === 0.1, 10_000);
    samples.suspect('ocr');
    await waitUntil('all are kept', () => told.at(-1)?.rules[0]?.rate === 1, 10_000);
    samples.close();

    for (let n = 0; n < SAMPLES_OF_MODEL + 10; n++)
      bus.nc.publish(subjects.sampled('ocr'), JSON.stringify(sample(n)));
    bus.nc.publish(subjects.sampled('vad'), JSON.stringify(sample(1, 'vad')));
    const next = await open();
    const counts = async () =>
      new Map((await next.change({ by: 'ada' })).models.map((one) => [one.model, one.samples]));
    await waitUntil('they are in the ring', async () => (await counts()).get('vad') === 1, 10_000);
    expect((await counts()).get('ocr')).toBe(SAMPLES_OF_MODEL);
    const first = await next.read({ model: 'ocr', count: 3, before: 0, by: 'ada' });
    expect(first.samples.map(({ requestId }) => requestId)).toEqual(['r521', 'r520', 'r519']);
    const second = await next.read({ model: 'ocr', count: 2, before: first.before, by: 'ada' });
    expect(second.samples.map(({ requestId }) => requestId)).toEqual(['r518', 'r517']);
    expect((await next.read({ model: 'none', count: 3, before: 0, by: 'ada' })).samples).toEqual([]);
    expect((await next.change({ off: 'ocr', by: 'ada' })).rules).toEqual([]);
    expect(tales.map(({ action }) => action)).toEqual([
      ...['samples.asked', 'samples.read', 'samples.read', 'samples.read', 'samples.ended'],
    ]);
    next.close();
  } finally {
    await bus.drain();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}, 60_000);
