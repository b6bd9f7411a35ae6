// `massif jobs`: what is trained and was; one job with its report; `massif jobs cancel ID` ends one.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobRecord } from '../../contracts/trainer.js';
import { argument, type Command, type Invocation, text } from '../cli/command.js';
import { table } from '../cli/table.js';
import { TrainerClient } from '../trainer.js';
import { progressLine, resultText } from '../training-text.js';

export const jobs: Command = {
  name: 'jobs',
  usage: 'jobs [ID [--plots FOLDER] | cancel ID]',
  argumentsMax: 2,
  summary: 'training jobs and recipes; with an id one job and its report',
  options: { plots: { type: 'string' } },
  async run({ args, values, connections, out }: Invocation) {
    const trainer = new TrainerClient(await connections());
    if (args[0] === 'cancel') {
      const record = await trainer.cancel(argument(args, 1, 'ID'));
      return out.show(
        record,
        () => `${record.id} is ${record.state}${record.cancelAsked ? ', its end was asked for' : ''}`,
      );
    }
    if (args[0] === undefined) {
      const known = await trainer.jobs();
      return out.show(
        known,
        () =>
          `${overview(known.jobs)}\n\n${table(
            ['recipe', 'what'],
            known.recipes.map((r) => [r.name, r.summary]),
          )}`,
      );
    }
    const record = await trainer.show(args[0]);
    const report = record.state === 'done' ? await trainer.report(record.id) : undefined;
    const folder = text(values, 'plots');
    if (folder !== undefined && report !== undefined) {
      await mkdir(folder, { recursive: true });
      for (const [name, svg] of Object.entries(report.plots))
        await writeFile(join(folder, `${name}.svg`), svg);
    }
    return out.show({ record, report }, () =>
      report === undefined ? progressLine(record) : resultText(record, report),
    );
  },
};

function overview(records: readonly JobRecord[]): string {
  const head = ['job', 'model', 'state', 'progress', 'quality', 'created'];
  const rows = records.map((record) => {
    const { progress, result } = record;
    const done = progress === undefined ? '' : `${progress.epoch}/${progress.epochs}`;
    const accuracy = result?.accuracy ?? progress?.validationAccuracy;
    const r2 = result?.r2 ?? progress?.validationR2;
    const created = record.createdAt.slice(0, 16).replace('T', ' ');
    return [
      record.id,
      record.job.model,
      record.state,
      done,
      accuracy !== undefined ? percent(accuracy) : r2 !== undefined ? `R2 ${r2.toFixed(3)}` : '',
      created,
    ];
  });
  return table(head, rows);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
