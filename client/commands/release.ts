// `massif release ...`: how an endpoint goes to another version, step by step, and what was decided on the way.
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { failure } from '../../contracts/errors.js';
import { JournalEntry } from '../../contracts/release.js';
import { replay } from '../../services/mesh/release/replay.js';
import { judge } from '../../services/mesh/statistics/judge.js';
import { argument, type Command, type Invocation, text, UsageError } from '../cli/command.js';
import type { Releases } from '../releases.js';
import { followRelease, succeeded } from './follow-release.js';
import { historyTable, listTable, stateText } from '../release-text.js';

const ACTIONS = [
  'apply',
  'status',
  'list',
  'pause',
  'resume',
  'promote',
  'abort',
  'history',
  'replay',
] as const;

export const release: Command = {
  name: 'release',
  usage: `release ${ACTIONS.join('|')} ...`,
  argumentsMax: 2,
  summary: 'brings another version to an endpoint, in steps that statistics decide',
  help: `  release apply FILE         begins what the spec in FILE says (JSON); --follow waits for its end
  release status ID          where it is, and why
  release list               all releases; --endpoint NAME, --active
  release pause|resume ID    holds the traffic as it is; goes on
  release promote ID         past the present gate; --arm NAME: the winner of an experiment
  release abort ID           all traffic back to what served before, at once
  release history ID         the journal: what was decided, by whom, why
  release replay ID          decides everything again from the journal alone; --file JOURNAL reads a saved one
  --why TEXT, --by PERSON    stand in the journal; without the second your user name`,
  options: {
    why: { type: 'string' },
    arm: { type: 'string' },
    by: { type: 'string' },
    endpoint: { type: 'string' },
    file: { type: 'string' },
    active: { type: 'boolean' },
    follow: { type: 'boolean' },
  },
  async run(invocation: Invocation) {
    const { args, values, out } = invocation;
    const action = ACTIONS.find((one) => one === args[0]);
    if (!action) throw new UsageError(`say what: release ${ACTIONS.join('|')}`);
    if (action === 'replay') return replayed(invocation);
    const { releases } = await invocation.client('routed');
    switch (action) {
      case 'apply': {
        const record = await releases.apply(await readSpecFile(argument(args, 1, 'FILE')), person(values));
        return values['follow'] === true
          ? follow(invocation, releases, record.id)
          : out.show(record, () => stateText(record));
      }
      case 'list': {
        const endpoint = text(values, 'endpoint');
        const found = await releases.list({
          ...(endpoint !== undefined && { endpoint }),
          active: values['active'] === true,
        });
        return out.show(found, () => listTable(found));
      }
      case 'status': {
        const id = argument(args, 1, 'ID');
        if (values['follow'] === true) return follow(invocation, releases, id);
        const record = await releases.show(id);
        return out.show(record, () => stateText(record));
      }
      case 'history': {
        const entries = await releases.history(argument(args, 1, 'ID'));
        return out.show(entries, () => historyTable(entries));
      }
      case 'pause':
      case 'resume':
      case 'promote':
      case 'abort': {
        const arm = text(values, 'arm');
        if (arm !== undefined && action !== 'promote') throw new UsageError('--arm belongs to promote');
        const why = text(values, 'why');
        const record = await releases[action]({
          id: argument(args, 1, 'ID'),
          by: person(values),
          ...(why !== undefined && { why }),
          ...(arm !== undefined && { arm }),
        });
        return out.show(record, () => stateText(record));
      }
    }
  },
};

/** The journal of a mesh, or one that was saved: nothing of the mesh is asked for the decisions. */
async function replayed({ args, values, client, out }: Invocation): Promise<number> {
  const file = text(values, 'file');
  const entries =
    file === undefined
      ? await (await client('routed')).releases.history(argument(args, 1, 'ID'))
      : JournalEntry.array().parse(await readJson(file));
  const result = replay(entries, judge);
  out.show(result, () =>
    result.same
      ? `the same: ${result.entries} decisions, ${result.verdicts} verdicts, the chain is whole`
      : `different at entry ${result.seq}: ${result.difference}`,
  );
  return result.same ? 0 : 1;
}

/** 0 when the new version serves. */
async function follow(invocation: Invocation, releases: Releases, id: string): Promise<number> {
  const record = await followRelease(invocation, releases, id);
  invocation.out.show(record, () => stateText(record));
  return succeeded(record) ? 0 : 1;
}

const person = (values: Invocation['values']): string => text(values, 'by') ?? userInfo().username;

async function readSpecFile(path: string): Promise<never> {
  return (await readJson(path)) as never;
}

async function readJson(path: string): Promise<unknown> {
  let written: string;
  try {
    written = await readFile(path, 'utf8');
  } catch (error) {
    throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
  }
  try {
    return JSON.parse(written);
  } catch (error) {
    throw failure('BAD_REQUEST', `The file ${path} is no JSON.`, {}, error);
  }
}
