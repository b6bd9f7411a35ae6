// One run of `massif`: finds the command, reads its options, runs it. Returns the exit code: 0 done, 1 failed (code, message and
// what to do are told), 64 called wrongly.
import { parseArgs } from 'node:util';
import { toFailure } from '../../contracts/errors.js';
import { systemClock } from '../../services/mesh/clock.js';
import { VERSION } from '../../services/mesh/version.js';
import { type Command, type Invocation, Output, text, UsageError, type Values } from './command.js';
import { COMMANDS } from './commands.js';
import { findMesh, type Surroundings } from './find-mesh.js';
import { Session } from './session.js';

export interface Terminal extends Pick<Surroundings, 'env' | 'cwd' | 'isRunning'> {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly write: (text: string) => void;
  /** For people who watch: errors and progress. */
  readonly writeNote: (text: string) => void;
}

const EXIT_USAGE = 64; // EX_USAGE of sysexits.h
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells have it

export const EVERYWHERE = {
  nats: { type: 'string' },
  region: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const EVERYWHERE_HELP = `  --nats URL[,URL]  the mesh: a NATS server of each region, nearest first (else MASSIF_NATS_URLS, else what npm start left)
  --region NAME     the nearest region, when npm start tells of several
  --json            one JSON value instead of text`;

export async function runCommandLine(
  [name, ...rest]: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const say = (line: string): number => {
    terminal.write(`${line}\n`);
    return 0;
  };
  const wrong = (sentence: string, command?: Command): number => {
    const see = command ? `usage: massif ${command.usage}` : 'massif help lists the commands.';
    terminal.writeNote(`massif: ${sentence}\n${see}\n`);
    return EXIT_USAGE;
  };

  if (name === '--version') return say(VERSION);
  const asksHelp = name === undefined || name === 'help' || name === '--help' || name === '-h';
  const wanted = asksHelp ? rest[0] : name;
  if (wanted === undefined) return say(overview());
  const command = COMMANDS.find((candidate) => candidate.name === wanted);
  if (!command) return wrong(`there is no command ${wanted}`);
  if (asksHelp) return say(helpOf(command));

  try {
    const options = { ...EVERYWHERE, ...command.options };
    const parsed = parseArgs({ args: rest, options, allowPositionals: true, strict: true });
    const { values, positionals } = parsed;
    if (values.help === true) return say(helpOf(command));
    const [tooMany] = positionals.slice(command.argumentsMax);
    if (tooMany !== undefined) return wrong(`${command.name}: "${tooMany}" is one word too many`, command);
    return await run(command, positionals, values, terminal);
  } catch (error) {
    if (error instanceof UsageError || isParseError(error))
      return wrong(`${command.name}: ${error.message}`, command);
    throw error;
  }
}

async function run(
  command: Command,
  args: readonly string[],
  values: Values,
  { env, cwd, isRunning, signal, write, writeNote }: Terminal,
): Promise<number> {
  const session = new Session(() =>
    findMesh({ nats: text(values, 'nats'), region: text(values, 'region'), env, cwd, isRunning }),
  );
  const json = values['json'] === true;
  const invocation: Invocation = {
    args,
    values,
    env,
    signal,
    clock: systemClock,
    out: new Output(json, write, writeNote),
    place: () => session.place(),
    client: (mode = 'direct') => session.client(mode),
    connections: () => session.connections(),
  };
  try {
    return (await command.run(invocation)) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (signal.aborted) return EXIT_INTERRUPTED;
    const { code, message, fix, fields } = toFailure(error);
    writeNote(
      json
        ? `${JSON.stringify({ code, message, fix, fields })}\n`
        : `massif: ${code}: ${message}\n  ${fix}\n`,
    );
    return 1;
  } finally {
    await session.close();
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return ['massif COMMAND [options]', '', ...lines, '', 'massif help COMMAND says more.'].join('\n');
}

function helpOf({ usage, summary, help }: Command): string {
  return [`massif ${usage}`, '', summary, '', ...(help ? [help] : []), EVERYWHERE_HELP].join('\n');
}

/** What node:util throws for arguments it does not know. */
const isParseError = (error: unknown): error is Error =>
  error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
