// A file, a folder or a data set that was uploaded before, as a job names its data. The commands `train` and `compress` ask.
import { extname } from 'node:path';
import type { z } from 'zod';
import type { DataSpec } from '../contracts/train-job.js';
import { text, UsageError, type Values } from './cli/command.js';
import type { TrainerClient } from './trainer.js';

const isTable = (name: string) => /\.(csv|jsonl)(\.gz)?$/.test(name);

/** `column`: the option that names what is to be learned. Uploads what is not there yet. */
export async function dataSpec(
  trainer: TrainerClient,
  path: string,
  values: Values,
  column: string,
): Promise<z.input<typeof DataSpec>> {
  const [target, textColumn, group, labels] = [column, 'text', 'group', 'labels'].map((name) =>
    text(values, name),
  );
  // The name decides before a large file is sent for nothing.
  const known = /^[0-9a-f]{8,64}$/.test(path) ? await trainer.dataset(path) : undefined;
  if (isTable(known?.name ?? path) && target === undefined)
    throw new UsageError(`--${column} says which column is to be learned`);
  const pictures = pictureSize(values);
  const file = known ?? (await trainer.upload(path));
  if (labels !== undefined) return { format: 'idx', images: file, labels: await trainer.upload(labels) };
  if (isTable(file.name))
    return {
      format: extname(file.name.replace(/\.gz$/, '')) === '.csv' ? 'csv' : 'jsonl',
      file,
      target: target ?? '',
      ...(values['regression'] === true ? { task: 'regression' } : {}),
      ...(textColumn === undefined ? {} : { text: textColumn }),
      ...(group === undefined ? {} : { group }),
    };
  return /\.(tar|tar\.gz|tgz)$/.test(file.name)
    ? { format: 'pictures', file, ...pictures }
    : { format: 'text', file };
}

function pictureSize(values: Values): { width: number; height: number; channels: 1 | 3 } {
  const size = /^(\d{1,4})x(\d{1,4})$/.exec(text(values, 'size') ?? '32x32');
  if (size === null) throw new UsageError('--size is width x height, such as 32x32');
  return { width: Number(size[1]), height: Number(size[2]), channels: values['gray'] === true ? 1 : 3 };
}
