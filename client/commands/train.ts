// `massif train FILE|--recipe NAME`: uploads data, submits a job, follows it, and with --deploy serves what came of it.
import { Network, TrainJob } from '../../contracts/train-job.js';
import type { JobRecord } from '../../contracts/trainer.js';
import {
  type Command,
  type Invocation,
  text,
  texts,
  UsageError,
  type Values,
  wholeNumber,
} from '../cli/command.js';
import { stateText } from '../release-text.js';
import { deployVersion, followJob, publishedLine, readWritten, written } from './follow-job.js';
import { succeeded } from './follow-release.js';
import { dataSpec } from '../data-spec.js';
import { readTerms, TERM_OPTIONS, TERMS_HELP } from './job-terms.js';
import { TrainerClient } from '../trainer.js';
import { progressLine, resultText } from '../training-text.js';

const [JOB, CANCEL] = ['training job', 'massif jobs cancel'];

export const train: Command = {
  name: 'train',
  usage:
    'train FILE|--recipe NAME|--job FILE [--name MODEL] [--target COLUMN] [--network JSON] [--deploy] [--detach]',
  argumentsMax: 1,
  summary: 'trains a model from data and publishes it as a signed version',
  help: `  FILE                a table: .csv or .jsonl (may end in .gz); with --labels pictures in IDX; .txt for running text;
                      a folder of pictures, or a .tar of it: one folder a class, PNG files in them;
                      the digest of a data set that was uploaded before (massif datasets)
  --size WxH          of those pictures, 32x32 where not given; --gray for one channel
  --recipe NAME       a job that is known: massif jobs lists them
  --job FILE          a job in full, JSON
  --name MODEL        the model that it becomes a version of
  --target COLUMN     what is to be learned
  --regression        the target is a number, not a class
  --text COLUMN       learn from this column as text
  --group COLUMN      rows with the same value stay in one part
  --labels FILE       of pictures in IDX
  --network JSON      such as '{"kind":"mlp","hidden":[32]}'
  --parent MODEL      go on from a version of this model; --frozen NAME keeps weights that begin so
  --search SECONDS    try networks, rates and batch sizes for so long
  --epochs N, --seed N, --label LABEL, --alias ALIAS
  --deploy            serve it when it is done
${TERMS_HELP}
  --detach            do not wait`,
  options: {
    recipe: { type: 'string' },
    job: { type: 'string' },
    name: { type: 'string' },
    target: { type: 'string' },
    regression: { type: 'boolean' },
    text: { type: 'string' },
    group: { type: 'string' },
    labels: { type: 'string' },
    size: { type: 'string' },
    gray: { type: 'boolean' },
    network: { type: 'string' },
    parent: { type: 'string' },
    frozen: { type: 'string', multiple: true },
    search: { type: 'string' },
    epochs: { type: 'string' },
    seed: { type: 'string' },
    label: { type: 'string' },
    alias: { type: 'string', multiple: true },
    deploy: { type: 'boolean' },
    detach: { type: 'boolean' },
    ...TERM_OPTIONS,
  },
  async run(invocation: Invocation) {
    const { values, out, connections } = invocation;
    const trainer = new TrainerClient(await connections());
    const submitted = await submit(trainer, invocation);
    if (values['detach'] === true)
      return out.show(submitted, () => `${submitted.id} is ${submitted.state}: massif jobs ${submitted.id}`);
    const show = (id: string) => trainer.show(id);
    const record = await followJob(submitted, { show, line: progressLine, cancel: CANCEL }, invocation);
    if (record.state !== 'done') {
      out.show(
        record,
        () => `${record.id} is ${record.state}${record.error ? `: ${record.error.message}` : ''}`,
      );
      return 1;
    }
    const version = record.result?.version;
    const released =
      values['deploy'] === true && version !== undefined
        ? await deployVersion(version, invocation)
        : undefined;
    const report = await trainer.report(record.id);
    const serves = released === undefined || succeeded(released);
    out.show({ record, report, ...(released && { release: released.id }) }, () =>
      [
        resultText(record, report),
        ...(version === undefined ? [] : [publishedLine(version)]),
        ...(values['deploy'] === true && version !== undefined && serves
          ? [`served as ${version.model}`]
          : []),
        ...(released && !serves ? [stateText(released)] : []),
      ].join('\n'),
    );
    return serves ? 0 : 1;
  },
};

async function submit(trainer: TrainerClient, { args, values }: Invocation): Promise<JobRecord> {
  const [path, job, recipe] = [args[0], text(values, 'job'), text(values, 'recipe')];
  if ([path, job, recipe].filter((one) => one !== undefined).length !== 1)
    throw new UsageError('one of FILE, --recipe NAME and --job FILE says what is learned');
  const [label, model] = [text(values, 'label'), text(values, 'name')];
  const [epochs, seed] = [wholeNumber(values, 'epochs'), wholeNumber(values, 'seed')];
  if (recipe !== undefined)
    return trainer.submit({
      recipe,
      ...readTerms(values),
      aliases: texts(values, 'alias'),
      ...(model === undefined ? {} : { model }),
      ...(label === undefined ? {} : { label }),
      ...(epochs === undefined ? {} : { epochs }),
      ...(seed === undefined ? {} : { seed }),
    });
  if (job !== undefined)
    return trainer.submit({ job: await readWritten(job, TrainJob, JOB), ...readTerms(values) });
  if (model === undefined) throw new UsageError('--name says which model it becomes a version of');
  return trainer.submit({ job: await jobOf(trainer, path ?? '', model, values), ...readTerms(values) });
}

async function jobOf(trainer: TrainerClient, path: string, model: string, values: Values): Promise<TrainJob> {
  const column = text(values, 'text');
  const data = await dataSpec(trainer, path, values, 'target');
  const [network, parent, seconds] = [
    text(values, 'network'),
    text(values, 'parent'),
    wholeNumber(values, 'search'),
  ];
  const [epochs, seed, label] = [
    wholeNumber(values, 'epochs'),
    wholeNumber(values, 'seed'),
    text(values, 'label'),
  ];
  const job = {
    model,
    data,
    network: network === undefined ? usualNetwork(data.format, column) : Network.parse(JSON.parse(network)),
    training: { ...(epochs === undefined ? {} : { epochs }), ...(seed === undefined ? {} : { seed }) },
    aliases: texts(values, 'alias'),
    ...(label === undefined ? {} : { label }),
    ...(parent === undefined ? {} : { parent: { model: parent, frozen: texts(values, 'frozen') } }),
    ...(seconds === undefined
      ? {}
      : {
          search: {
            budgetMs: seconds * 1_000,
            networks: [{ kind: 'linear' }],
            rates: [0.0003, 0.003, 0.01],
            batches: [16],
          },
        }),
  };
  return written('the job', job, TrainJob, JOB);
}

function usualNetwork(format: string, column: string | undefined): Network {
  if (format === 'text') return Network.parse({ kind: 'decoder' });
  if (column !== undefined) return Network.parse({ kind: 'transformer' });
  return Network.parse(
    format === 'idx' || format === 'pictures'
      ? { kind: 'cnn', channels: [16, 32] }
      : { kind: 'mlp', hidden: [32] },
  );
}
