import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CompressJobsReply, CompressRecord } from '../../contracts/compressor.js';
import type { CompressReport } from '../../contracts/compress-report.js';
import type { JobRecord } from '../../contracts/trainer.js';
import { startConsul, type ConsulServer } from '../../deploy/local/consul.js';
import { boot, type Running } from '../mesh/boot.js';
import { silentLog } from '../mesh/log.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { registryService } from '../registry/registry.module.js';
import { startTrainedRegion, type TrainedRegion } from '../trainer/testing/trained-region.js';
import { gatewayService } from './gateway.module.js';

let region: TrainedRegion;
let consul: ConsulServer;
let gateway: Running;
let dir: string;
let url: string;
let smaller: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-training-door-'));
  region = await startTrainedRegion(registryService);
  await Promise.all([region.startTrainer('trainer-1'), region.startCompressor('compressor-1')]);
  consul = await startConsul({ dir: join(dir, 'consul'), region: 'east' });
  gateway = await boot({
    services: [gatewayService],
    config: {
      instance: 'gateway-east-1',
      region: 'east',
      homeRegion: 'east',
      regions: ['east'],
      natsUrl: region.url,
      consulUrl: consul.url,
      keysDir: dir,
      dataDir: dir,
      restPort: 0,
      restHost: '127.0.0.1',
    },
    log: silentLog,
  });
  url = `${gateway.restUrl ?? ''}/v2/train`;
  smaller = `${gateway.restUrl ?? ''}/v2/compress`;
}, 40_000);
afterAll(async () => {
  await gateway?.stop();
  await consul?.stop();
  await region?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const post = (path: string, body: string) => fetch(url + path, { method: 'POST', body });
const compress = (path: string, body: object) =>
  fetch(smaller + path, { method: 'POST', body: JSON.stringify(body) });
const json = async <T>(answer: Promise<Response>): Promise<T> => (await (await answer).json()) as T;
const refused = async (answer: Promise<Response>) => {
  const found = await answer;
  return [found.status, ((await found.json()) as { code: string }).code];
};
const ended = (id: string, state: string) =>
  waitUntil(
    `the job is ${state}`,
    async () => {
      const record = await json<JobRecord>(fetch(`${url}/jobs/${id}`));
      expect(record.error).toBeUndefined();
      return record.state === state ? record : undefined;
    },
    60_000,
  );

test('a data set and a job sent over REST end in a version and its report', { timeout: 90_000 }, async () => {
  const rows = Array.from(
    { length: 200 },
    (_, i) => `${(i * 37) % 199},${i % 2 ? 'odd' : 'even'},${(i % 2) + i / 1e4}`,
  );
  const csv = `a,kind,b\n${rows.join('\n')}\n`;
  const sent = await post('/datasets?name=kinds.csv', csv);
  expect(sent.status).toBe(201);
  const file = (await sent.json()) as { digest: string };
  expect(file).toMatchObject({ name: 'kinds.csv', bytes: csv.length });
  const listed = await json<{ datasets: { digest: string; name: string }[] }>(fetch(`${url}/datasets`));
  expect(listed.datasets).toMatchObject([file]);

  const job = {
    model: 'kinds',
    data: { format: 'csv', file, target: 'kind' },
    network: { kind: 'mlp', hidden: [8] },
    training: { epochs: 20, rate: 0.02 },
  };
  const submitted = await post('/jobs', JSON.stringify({ job }));
  expect(submitted.status).toBe(201);
  const { id, state } = (await submitted.json()) as JobRecord;
  expect(state).toBe('queued');
  const { result } = await ended(id, 'done');
  expect(result?.version?.model).toBe('kinds');
  expect(await json(fetch(`${url}/jobs/${id}/report`))).toMatchObject({ measuredOn: 'test', seed: 1 });

  const length = { format: 'csv', file, target: 'b', task: 'regression' };
  const second = await json<JobRecord>(post('/jobs', JSON.stringify({ job: { ...job, data: length } })));
  expect((await ended(second.id, 'done')).result?.r2).toBeGreaterThan(0.7);
  const { jobs } = await json<{ jobs: JobRecord[] }>(fetch(`${url}/jobs`));
  expect(jobs.map((one) => one.id)).toEqual([second.id, id]);

  // What was trained goes on into the compressor.
  const how = {
    kind: 'recipe',
    recipe: { steps: [{ kind: 'tune', steps: 5 }], budget: { drop: 0.5, latency: 10 } },
  };
  const compressing = await compress('/jobs', {
    job: { model: 'kinds', version: result?.version?.label, label: 'again', how },
  });
  expect(compressing.status).toBe(201);
  const made = (await compressing.json()) as CompressRecord;
  const compressed = await waitUntil(
    'its new version is there',
    async () => {
      const record = await json<CompressRecord>(fetch(`${smaller}/jobs/${made.id}`));
      expect(record.error).toBeUndefined();
      return record.state === 'done' ? record : undefined;
    },
    60_000,
  );
  expect(compressed.result).toMatchObject({ version: { model: 'kinds', label: 'again' } });
  const report = await json<CompressReport>(fetch(`${smaller}/jobs/${made.id}/report`));
  expect(report.candidate.bytes).toBeLessThanOrEqual(report.parent.bytes);
  expect(report.parent.label).toBe(result?.version?.label);
  const overview = await json<CompressJobsReply>(fetch(`${smaller}/jobs`));
  expect(overview.jobs.map((one) => one.id)).toEqual([made.id]);
  expect(overview.recipes.map(({ name }) => name)).toContain('pooled');
});

test('what is wrong with a compression job is said with its field and a code', async () => {
  const bare = await compress('/jobs', { job: { model: 'kinds' } });
  expect(bare.status).toBe(400);
  expect(((await bare.json()) as { error: string }).error).toContain('job.how');
  const how = { kind: 'recipe', recipe: { steps: [{ kind: 'float16' }] } };
  expect(await refused(compress('/jobs', { job: { model: 'nobody', how } }))).toEqual([404, 'MODEL_UNKNOWN']);
  const file = { name: 'a.jsonl', digest: 'a'.repeat(64), bytes: 1 };
  const unsent = { model: 'kinds', how, data: { kind: 'samples', file } };
  expect(await refused(compress('/jobs', { job: unsent }))).toEqual([422, 'DATA_REFUSED']);
  expect(await refused(fetch(`${smaller}/jobs/none-0001`))).toEqual([404, 'NOT_FOUND']);
  expect(await refused(fetch(`${smaller}/jobs/none-0001/report`))).toEqual([404, 'NOT_FOUND']);
  expect(await refused(fetch(`${smaller}/jobs/none-0001/cancel`, { method: 'POST' }))).toEqual([
    404,
    'NOT_FOUND',
  ]);
});

test('a recipe is submitted by name, and a cancel ends it', { timeout: 90_000 }, async () => {
  const { id } = await json<JobRecord>(post('/jobs', '{"recipe":"characters","publish":false}'));
  expect(await refused(fetch(`${url}/jobs/${id}/report`))).toEqual([404, 'NOT_FOUND']);
  expect(await json(post(`/jobs/${id}/cancel`, ''))).toMatchObject({ id });
  await ended(id, 'cancelled');
});

test('what is wrong with a request is said with its field and a code', async () => {
  const broken = await json<{ error: string }>(
    post('/jobs', '{"job":{"model":"x","data":{"format":"text"},"network":{"kind":"linear"}}}'),
  );
  expect(broken.error).toContain('job.data.file');
  expect(await refused(post('/jobs', '{"recipe":"pasta"}'))).toEqual([400, 'BAD_REQUEST']);
  expect(await refused(post('/jobs', 'no json'))).toEqual([400, 'BAD_REQUEST']);
  expect(await refused(post('/jobs', ''))).toEqual([400, 'BAD_REQUEST']);
  expect(await refused(post('/datasets', 'a,b\n'))).toEqual([400, 'BAD_REQUEST']);
  expect(await refused(post('/datasets?name=x.csv', ''))).toEqual([400, 'BAD_REQUEST']);
  expect(await refused(fetch(`${url}/jobs/none-0001`))).toEqual([404, 'NOT_FOUND']);
  expect(await refused(fetch(`${url}/jobs/a%20b`))).toEqual([404, 'NOT_FOUND']);
  expect(await refused(fetch(`${url}/jobs/none-0001`, { method: 'DELETE' }))).toEqual([
    405,
    'METHOD_NOT_ALLOWED',
  ]);
  const file = { name: 'a.csv', digest: 'a'.repeat(64), bytes: 1 };
  const job = { model: 'x', data: { format: 'csv', file, target: 'y' }, network: { kind: 'linear' } };
  expect(await refused(post('/jobs', JSON.stringify({ job })))).toEqual([422, 'DATA_REFUSED']);
});
