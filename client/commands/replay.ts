// `massif replay`: sends requests that were sampled to a version, and compares its answers with those that were given then.
import { argument, type Command, type Invocation, text, UsageError } from '../cli/command.js';
import { toFailure, failure } from '../../contracts/errors.js';
import type { Tensor } from '../../contracts/tensor.js';
import { differenceOf, inputsOf, tensorOf } from '../../contracts/sampled-tensors.js';
import { lastOf, readSamples } from './samples.js';

const TOLERANCE = 1e-4;
const EXAMPLES_MAX = 5;

interface Tally {
  asked: number;
  notWhole: number;
  same: number;
  otherClass: number;
  apart: number;
  failed: number;
  largest: number;
  readonly examples: string[];
}

export const replay: Command = {
  name: 'replay',
  usage: 'replay ENDPOINT --version VERSION [--last N] [--tolerance T]',
  argumentsMax: 1,
  summary:
    'sends sampled requests (massif samples) to a version and compares its answers with those given then',
  help: `  --version VERSION  a version that the endpoint has, also with weight 0: label or digest
  --last N           so many of the newest samples (all)
  --tolerance T      difference over scale that counts as the same (${TOLERANCE})`,
  options: { version: { type: 'string' }, last: { type: 'string' }, tolerance: { type: 'string' } },
  async run(invocation: Invocation) {
    const { args, values, client, out } = invocation;
    const name = argument(args, 0, 'ENDPOINT');
    const version = text(values, 'version');
    if (version === undefined) throw new UsageError('--version says which version is to answer');
    const tolerance = Number(text(values, 'tolerance') ?? String(TOLERANCE));
    if (!(tolerance >= 0)) throw new UsageError('--tolerance must be a number from 0');
    const massif = await client('routed');
    const endpoint = (await massif.endpoints()).find((one) => one.name === name);
    if (!endpoint) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint ${name}.`);
    const found = await readSamples(invocation, endpoint.model, lastOf(invocation));
    const tally: Tally = {
      asked: 0,
      notWhole: 0,
      same: 0,
      otherClass: 0,
      apart: 0,
      failed: 0,
      largest: 0,
      examples: [],
    };
    for (const sample of found.toReversed()) {
      const inputs = inputsOf(sample);
      const kept = sample.outputs.map(tensorOf).filter((one) => one !== undefined);
      if (inputs === undefined || kept.length === 0) {
        tally.notWhole++;
        continue;
      }
      tally.asked++;
      try {
        const { outputs } = await massif.infer(name, inputsFor(inputs), { version });
        take(tally, sample.requestId, kept, outputs as Readonly<Record<string, Tensor>>, tolerance);
      } catch (error) {
        const { code, message } = toFailure(error);
        tally.failed++;
        note(tally, `${sample.requestId}: ${code} ${message}`);
      }
    }
    out.show({ endpoint: name, version, samples: found.length, tolerance, ...tally }, () =>
      inWords(name, version, tally),
    );
    return tally.asked > 0 && tally.same === tally.asked ? 0 : 1;
  },
};

const inputsFor = (inputs: readonly Tensor[]) =>
  Object.fromEntries(inputs.map(({ name, datatype, shape, data }) => [name, { datatype, shape, data }]));

function take(
  tally: Tally,
  requestId: string,
  kept: readonly Tensor[],
  outputs: Readonly<Record<string, Tensor>>,
  tolerance: number,
): void {
  const { largest, otherClass } = differenceOf(kept, outputs);
  tally.largest = Math.max(tally.largest, largest);
  if (largest <= tolerance) tally.same++;
  else {
    tally.apart++;
    if (otherClass) tally.otherClass++;
    note(tally, `${requestId}: ${largest.toPrecision(3)} apart${otherClass ? ', another class' : ''}`);
  }
}

function note(tally: Tally, line: string): void {
  if (tally.examples.length < EXAMPLES_MAX) tally.examples.push(line);
}

function inWords(
  endpoint: string,
  version: string,
  { asked, notWhole, same, otherClass, apart, failed, largest, examples }: Tally,
): string {
  if (asked === 0)
    return `No sample of ${endpoint} can be asked again (${notWhole} have not all of their values): massif samples on, with --keep.`;
  return [
    `${asked} requests asked again of ${endpoint} ${version}: ${same} the same, ${apart} apart (${otherClass} another class), ${failed} failed; the largest difference is ${largest.toPrecision(3)}.`,
    ...(notWhole > 0 ? [`${notWhole} samples were kept without all of their values.`] : []),
    ...examples.map((line) => `  ${line}`),
  ].join('\n');
}
