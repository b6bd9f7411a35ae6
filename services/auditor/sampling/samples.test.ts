// The ring of samples and its rules on a real JetStream.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Sample, SAMPLES_OF_MODEL, SamplingRules } from '../../../contracts/sampling.js';
import { subjects } from '../../../contracts/subjects.js';
import { startNats } from '../../../deploy/local/nats.js';
import { type Bus, connectBus } from '../../mesh/bus.js';
import { systemClock } from '../../mesh/clock.js';
import type { Tale } from '../../mesh/tell-audit.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { CompressionRecipe } from '../../../contracts/compression-recipe.js';
import { CompressRequest } from '../../../contracts/compressor.js';
import type { VerdictNotice } from '../../../contracts/verdict.js';
import { silentLog } from '../../mesh/log.js';
import type { Trouble } from '../alerts/alert-desk.js';
import { DriftFollower, SAMPLES_WANTED } from './drift-follower.js';
import { Samples } from './samples.js';

const sample = (n: number, model = 'ocr'): Sample => ({
  model,
  label: '1',
  version: 'a'.repeat(64),
  region: 'east',
  replica: 'shard-east-1_a',
  at: '2026-01-01T00:00:00.000Z',
  requestId: `r${n}`,
  inputs: [],
  outputs: [],
  counts: { life: 'l', seen: n, kept: n, dropped: 0 },
});

const FOLLOW = CompressionRecipe.parse({ steps: [{ kind: 'distil', teacher: { endpoint: 'large' } }] });
const notice = (more: Partial<VerdictNotice['judgement']> = {}): VerdictNotice => ({
  model: 'ocr',
  label: '1',
  version: 'a'.repeat(64),
  at: new Date().toISOString(),
  requestIds: [],
  act: 'told',
  note: '',
  judgement: {
    verdict: 'suspicious',
    why: 'inputs',
    faults: [],
    evidence: 9,
    strongest: [],
    requestsSince: 9,
    ...more,
  },
});

/** A drift of a model whose rule asks for it: one job, once there is enough; broken answers are none. */
async function followsADrift(bus: Bus, samples: Samples, tales: readonly Tale[]): Promise<void> {
  const [asked, raised]: [CompressRequest[], Trouble[]] = [[], []];
  bus.nc.subscribe(subjects.compressor('submit'), {
    callback: (_, message) => {
      asked.push(CompressRequest.parse(message.json()));
      const [at, job] = [new Date().toISOString(), asked.at(-1)?.job];
      const times = { createdAt: at, updatedAt: at };
      const data = { kind: 'trained' };
      const record = { id: 'job-1234', state: 'queued', attempts: 0, cancelAsked: false, ...times };
      message.respond(JSON.stringify({ record: { ...record, job: { ...job, data } } }));
    },
  });
  const raise = (trouble: Trouble): void => void raised.push(trouble);
  const tell = (tale: Tale): void => void (tales as Tale[]).push(tale);
  const follower = new DriftFollower({ bus, samples, tell, raise, clock: systemClock, log: silentLog });
  try {
    await follower.see(notice({ verdict: 'abnormal', faults: ['not-a-number'] }));
    await follower.look();
    await follower.see(notice());
    for (let n = 0; n < SAMPLES_WANTED - 1; n++)
      bus.nc.publish(subjects.sampled('ocr'), JSON.stringify(sample(n)));
    await bus.nc.flush();
    await follower.look();
    expect(asked).toEqual([]);
    bus.nc.publish(subjects.sampled('ocr'), JSON.stringify(sample(0)));
    await waitUntil(
      'the job is ordered',
      () => follower.look().then(() => asked.length > 0 && raised.length > 0),
      20_000,
    );
    expect(asked[0]?.job).toMatchObject({
      model: 'ocr',
      how: { name: 'follow', recipe: FOLLOW },
      data: { kind: 'live', last: SAMPLES_WANTED },
    });
    expect(raised[0]).toMatchObject({ kind: 'drift.followed', evidence: { job: 'job-1234' } });
    await follower.see(notice());
    await follower.look();
    expect(asked.length).toBe(1);
  } finally {
    follower.close();
  }
}

test('rules are told to engines and outlive the auditor, the ring keeps the newest of each model, reading is written down, and a drift is followed where a rule asks for it', async () => {
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
      model: 'ocr',
      rate: 0.1,
      keep: ['x'],
      plain: false,
      onSuspicion: true,
      until: '2100-01-01T00:00:00Z',
      by: 'ada',
      follow: FOLLOW,
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
    await followsADrift(bus, next, tales);
    expect((await next.change({ off: 'ocr', by: 'ada' })).rules).toEqual([]);
    expect(tales.map(({ action }) => action)).toEqual([
      'samples.asked',
      'samples.read',
      'samples.read',
      'samples.read',
      'drift.followed',
      'samples.ended',
    ]);
    next.close();
  } finally {
    await bus.drain();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}, 60_000);
