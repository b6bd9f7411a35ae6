import { expect, test } from 'vitest';
import { keys } from '../../contracts/buckets.js';
import type { JobState } from '../../contracts/job.js';
import { JobRecord } from '../../contracts/trainer.js';
import { filesOf, TrainJob } from '../../contracts/train-job.js';
import { leftovers } from '../mesh/jobs/leftovers.js';
import { recipeJob } from './recipes.js';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const keep = { ageMs: 30 * DAY, jobs: 3, bytes: 1_000 };
const dataOf = ({ job }: JobRecord) => filesOf(job).map((file) => file.digest);
const digest = (letter: string) => letter.repeat(64);

function job(id: string, state: JobState, daysAgo: number, data?: string): JobRecord {
  const at = new Date(NOW - daysAgo * DAY).toISOString();
  const plain = TrainJob.parse(recipeJob('iris'));
  const file = { name: 'a.csv', digest: digest(data ?? ''), bytes: 1 };
  const given = data === undefined ? plain : TrainJob.parse({ ...plain, data: { format: 'text', file } });
  return JobRecord.parse({
    id,
    job: given,
    state,
    attempts: 1,
    cancelAsked: false,
    createdAt: at,
    updatedAt: at,
  });
}
const object = (name: string, daysAgo: number, bytes = 1) => ({
  name,
  title: name,
  bytes,
  atMs: NOW - daysAgo * DAY,
});
const data = (letter: string) => keys.dataset(digest(letter));

test('what an open job needs stays, whatever its age and size', () => {
  const objects = [object(data('a'), 90, 5_000), object(keys.checkpoint('open-0001'), 80, 5_000)];
  expect(leftovers([job('open-0001', 'working', 90, 'a')], objects, keep, NOW, dataOf)).toEqual({
    jobs: [],
    objects: [],
  });
});

test('ended jobs go by age and by number, and their reports with them', () => {
  const records = [1, 2, 3, 4, 40].map((days) => job(`job-${days}00000`, 'done', days));
  const objects = records.map(({ id }) => object(keys.report(id), 41));
  const gone = leftovers(records, objects, keep, NOW, dataOf);
  expect(gone.jobs).toEqual(['job-400000', 'job-4000000']);
  expect(gone.objects).toEqual(gone.jobs.map((id) => keys.report(id)));
});

test('checkpoints of what is over go, and those of nobody', () => {
  const objects = [object(keys.checkpoint('done-0001'), 2), object(keys.checkpoint('none-0001'), 2)];
  const gone = leftovers([job('done-0001', 'failed', 2)], objects, keep, NOW, dataOf);
  expect(gone.objects).toEqual(objects.map(({ name }) => name));
});

test('a data set outlives its age while a listed job names it, and a fresh one waits for its job', () => {
  const objects = [object(data('a'), 50), object(data('b'), 50), object(data('c'), 0.01, 900)];
  expect(leftovers([job('done-0001', 'done', 5, 'a')], objects, keep, NOW, dataOf).objects).toEqual([
    data('b'),
  ]);
});

test('beyond the room the oldest go first, until it fits', () => {
  const objects = ['a', 'b', 'c'].map((letter, i) => object(data(letter), 9 - i, 500));
  const records = [job('done-0001', 'done', 5, 'a')];
  expect(leftovers(records, objects, keep, NOW, dataOf).objects).toEqual([data('a')]);
  expect(leftovers(records, objects, { ...keep, bytes: 1_500 }, NOW, dataOf).objects).toEqual([]);
});
