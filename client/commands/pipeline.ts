// `massif pipeline apply FILE`, `massif pipeline withdraw NAME`: declares a graph of models as one endpoint, or takes it away.
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { argument, type Command, type Invocation, UsageError } from '../cli/command.js';
import { pipelineTable } from './pipelines.js';

export const pipeline: Command = {
  name: 'pipeline',
  usage: 'pipeline (apply FILE | withdraw NAME)',
  argumentsMax: 2,
  summary: 'declares a graph of models as one endpoint, or takes it away',
  help: `  apply FILE      a declaration as JSON (docs/pipelines.md; deploy/examples/ocr-page.json is one); the same again changes nothing
  withdraw NAME   the pipeline answers no more; its endpoints stay`,
  async run(invocation: Invocation) {
    const verb = argument(invocation.args, 0, 'apply or withdraw');
    if (verb === 'apply') return apply(invocation);
    if (verb === 'withdraw') return withdraw(invocation);
    throw new UsageError(`pipeline knows apply and withdraw, not "${verb}"`);
  },
};

async function apply({ args, client, out }: Invocation): Promise<void> {
  const path = argument(args, 1, 'FILE');
  const { registry } = await client('routed');
  const record = await registry.applyPipeline(await readSpec(path));
  out.show(record, () => pipelineTable([record]));
}

async function withdraw({ args, client, out }: Invocation): Promise<void> {
  const name = argument(args, 1, 'NAME');
  await (await client('routed')).registry.withdrawPipeline(name);
  out.show({ pipeline: name }, () => `${name} is withdrawn`);
}

/** The registry checks it; here it only has to be JSON. */
async function readSpec(path: string): Promise<z.input<typeof PipelineSpec>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as z.input<typeof PipelineSpec>;
  } catch (error) {
    throw failure('BAD_REQUEST', `${path} cannot be read as JSON: ${(error as Error).message}.`, {}, error);
  }
}
