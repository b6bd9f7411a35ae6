import { expect, test } from 'vitest';
import { JobRecord } from '../../contracts/trainer.js';
import { TrainJob } from '../../contracts/train-job.js';
import { advance, isOver, type JobEvent } from '../mesh/jobs/job-state.js';
import { recipeJob, RECIPES } from './recipes.js';

const at = '2026-01-01T00:00:00.000Z';
const queued = JobRecord.parse({
  id: 'job-00001',
  job: TrainJob.parse(recipeJob('iris')),
  state: 'queued',
  attempts: 0,
  cancelAsked: false,
  createdAt: at,
  updatedAt: at,
});
const after = (...events: JobEvent<JobRecord>[]) =>
  events.reduce((record, event) => advance(record, event, 0), queued);
const BEGUN: JobEvent = { kind: 'begun', worker: 'trainer-1' };
const DONE: JobEvent<JobRecord> = { kind: 'done', result: { accuracy: 1, measuredOn: 'test' } };

test('a job goes its way, and every new beginning counts', () => {
  expect(after(BEGUN, { kind: 'working' }, { kind: 'checkpoint', step: 7 }, BEGUN)).toMatchObject({
    state: 'preparing',
    attempts: 2,
    checkpointStep: 7,
  });
  expect(after(BEGUN, { kind: 'working' }, { kind: 'publishing' }, DONE)).toMatchObject({
    state: 'done',
    result: { accuracy: 1 },
  });
});

test('a cancel ends what waits at once, and asks what is at work', () => {
  expect(after({ kind: 'cancel asked' }).state).toBe('cancelled');
  expect(after(BEGUN, { kind: 'cancel asked' })).toMatchObject({ state: 'preparing', cancelAsked: true });
});

test('what is over stays over', () => {
  const done = after(BEGUN, { kind: 'publishing' }, DONE);
  expect(isOver(done)).toBe(true);
  for (const event of [
    BEGUN,
    { kind: 'working' },
    { kind: 'cancel asked' },
    { kind: 'cancelled' },
  ] as JobEvent[])
    expect(() => advance(done, event, 0)).toThrow('is done');
  expect(() => after(DONE)).toThrow('is queued');
});

test('every recipe is a whole job', () => {
  for (const { name, job } of RECIPES) expect(TrainJob.safeParse(job).success, name).toBe(true);
  expect(() => recipeJob('pasta')).toThrow('there are iris, petals, digits');
});
