// What `--target` says: size=0.25,latency=0.5,drop=0.5pt, or edge with the budgets of a device. Pure; a word that nobody knows is a usage
// error.
import type { z } from 'zod';
import type { CompressJob } from '../../contracts/compress-job.js';
import { UsageError } from '../cli/command.js';

type How = z.input<typeof CompressJob>['how'];
const WORDS = { target: ['size', 'latency', 'drop'], edge: ['bytes', 'memory', 'latency', 'drop'] } as const;

export function readTarget(given: string, seconds: number | undefined): How {
  const [first = '', ...rest] = given.split(',');
  const edge = first === 'edge';
  const words: readonly string[] = edge ? WORDS.edge : WORDS.target;
  const wanted = new Map((edge ? rest : [first, ...rest]).map((part) => readWant(part, words)));
  const [size, latency, drop, bytes, memory] = ['size', 'latency', 'drop', 'bytes', 'memory'].map((word) =>
    wanted.get(word),
  );
  const common = {
    ...(drop === undefined ? {} : { drop }),
    ...(seconds === undefined ? {} : { budgetMs: seconds * 1_000 }),
  };
  if (!edge)
    return {
      kind: 'target',
      target: {
        ...common,
        ...(size === undefined ? {} : { size }),
        ...(latency === undefined ? {} : { latency }),
      },
    };
  return {
    kind: 'edge',
    ...common,
    edge: {
      ...(bytes === undefined ? {} : { bytes }),
      ...(memory === undefined ? {} : { memoryBytes: memory }),
      ...(latency === undefined ? {} : { latencyMs: latency }),
    },
  };
}

function readWant(part: string, words: readonly string[]): [string, number] {
  const [, word = '', value = '', points] = /^(\w+)=(\d+(?:\.\d+)?)(pt)?$/.exec(part) ?? [];
  if (!words.includes(word) || (points !== undefined && word !== 'drop'))
    throw new UsageError(`--target is made of ${words.join(', ')}, such as ${words[0]}=...; got "${part}"`);
  return [word, points === undefined ? Number(value) : Number(value) / 100];
}
