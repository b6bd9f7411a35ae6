// What `massif train` and `massif compress` do once a job is submitted: follow it, and bring the version that came of it to its users.
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { isOpen, type JobBase, type MadeVersion } from '../../contracts/job.js';
import { shortDigest } from '../../contracts/names.js';
import type { ReleaseRecord } from '../../contracts/release.js';
import type { Invocation } from '../cli/command.js';
import { followRelease } from './follow-release.js';

const LOOK_MS = 500;

export interface FollowedJob<R> {
  readonly show: (id: string) => Promise<R>;
  readonly line: (record: R) => string;
  /** The command that ends it. */
  readonly cancel: string;
}

/** Until it is over, however that is. */
export async function followJob<R extends JobBase>(
  first: R,
  { show, line, cancel }: FollowedJob<R>,
  { out, clock, signal }: Pick<Invocation, 'out' | 'clock' | 'signal'>,
): Promise<R> {
  let record = first;
  out.note(`${record.id}: Ctrl-C leaves it running, ${cancel} ${record.id} ends it`);
  for (let said = ''; isOpen(record);) {
    const now = line(record);
    if (now !== said) out.note(now);
    said = now;
    await clock.sleep(LOOK_MS, signal);
    record = await show(record.id);
  }
  return record;
}

/** All requests of the model's endpoint; undefined where nothing had to be released. */
export async function deployVersion(
  { model, digest }: Pick<MadeVersion, 'model' | 'digest'>,
  invocation: Invocation,
): Promise<ReleaseRecord | undefined> {
  const { registry, releases } = await invocation.client('routed');
  const variants = [{ version: digest, weight: 10_000 }];
  const { release } = await registry.deploy({ endpoint: model, model, variants });
  return release === undefined ? undefined : followRelease(invocation, releases, release);
}

export const publishedLine = ({ model, label, digest }: MadeVersion): string =>
  `published as ${model} ${label}, ${shortDigest(digest)}`;

/** Throws BAD_REQUEST with the place that is wrong. `what`: such as `recipe`. */
export async function readWritten<T>(path: string, schema: z.ZodType<T>, what: string): Promise<T> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw failure('BAD_REQUEST', `The file ${path} is not readable JSON.`, {}, error);
  }
  return written(path, json, schema, what);
}

export function written<T>(name: string, value: unknown, schema: z.ZodType<T>, what: string): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw failure(
    'BAD_REQUEST',
    `${name} is no ${what}: ${issue?.path.join('.')}: ${issue?.message}.`,
    {},
    read.error,
  );
}
