// Slurm, as its command line tools speak: submitted, listed, prolonged and ended jobs. The pool asks; what the tools print is read here.
import { execFile } from 'node:child_process';

export interface SlurmJob {
  readonly id: string;
  readonly name: string;
  /** `PENDING`, `RUNNING`, `COMPLETING`, ... */
  readonly state: string;
  /** Why it does not run. */
  readonly reason: string;
  /** The machine it runs on. */
  readonly host: string;
  readonly ranS: number;
  /** Infinity without a limit. */
  readonly leftS: number;
}

const COMMAND_MS_MAX = 10_000;
const OUTPUT_BYTES_MAX = 4_194_304;
/** The name comes last: it is the one that may hold anything. */
const JOB_FORMAT = '%i|%T|%M|%L|%N|%r|%j';

/** The number of the job. The script comes over standard input, and nothing of our environment goes with it. */
export async function submit(script: string, args: readonly string[]): Promise<string> {
  const printed = await command('sbatch', ['--parsable', '--export=NIL', ...args], script);
  return printed.trim().split(';')[0] ?? '';
}

/** All jobs of this user that are not over. */
export async function jobs(): Promise<SlurmJob[]> {
  return (await command('squeue', ['--noheader', '--me', '-o', JOB_FORMAT])).split('\n').flatMap(readJob);
}

/** Machines that take no new jobs and are to be left by those they have. */
export async function machinesToLeave(): Promise<Set<string>> {
  const lines = (await command('sinfo', ['--noheader', '--Node', '-o', '%N|%T'])).split('\n');
  const states = lines.map((line) => line.split('|') as [string, string | undefined]);
  return new Set(states.filter(([, state]) => /^(drain|fail)/i.test(state ?? '')).map(([host]) => host));
}

/** A user may make a limit shorter only; who may make it longer is for the cluster's owner to say. */
export async function setTimeLimit(id: string, minutes: number): Promise<void> {
  await command('scontrol', ['update', `JobId=${id}`, `TimeLimit=${minutes}`]);
}

/** To the script alone: it passes it on. */
export async function askToEnd(id: string): Promise<void> {
  await command('scancel', ['--signal=TERM', '--batch', id]);
}

export async function cancel(id: string): Promise<void> {
  await command('scancel', [id]);
}

export function readJob(line: string): SlurmJob[] {
  const [id = '', state = '', ran = '', left = '', host = '', reason = '', ...name] = line.split('|');
  if (name.length === 0) return [];
  return [{ id, state, reason, host, name: name.join('|'), ranS: seconds(ran), leftS: seconds(left) }];
}

/** `[days-][hours:]minutes:seconds`, or a word. */
export function seconds(text: string): number {
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text.trim());
  if (!match) return text.trim() === 'UNLIMITED' ? Infinity : 0;
  const [days = 0, hours = 0, minutes = 0, rest = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * 60 + rest;
}

function command(program: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: COMMAND_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said =
        stderr.trim() || (error.killed ? `no answer in ${COMMAND_MS_MAX / 1_000} s` : error.message);
      reject(new Error(`${program} ${args[0] ?? ''}: ${said.slice(0, 300)}`, { cause: error }));
    });
    // It may be gone before it has read.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
