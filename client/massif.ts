// The `massif` command line: finds the command, reads its options, runs it. Exit codes: 0 done, 1 failed (code, message and fix on
// stderr), 64 called wrongly.
import { parseArgs } from 'node:util';
import { ERRORS, toFailure } from '../contracts/errors.js';
import { systemClock } from '../services/mesh/clock.js';
import { VERSION } from '../services/mesh/version.js';
import { type Command, type Invocation, Output, text, UsageError, type Values } from './cli/command.js';
import { findMesh, processRuns } from './cli/find-mesh.js';
import { Session } from './cli/session.js';
import { alias } from './commands/alias.js';
import { archive } from './commands/archive.js';
import { deploy } from './commands/deploy.js';
import { doctor } from './commands/doctor.js';
import { endpoints } from './commands/endpoints.js';
import { explain } from './commands/explain.js';
import { infer } from './commands/infer.js';
import { lineage } from './commands/lineage.js';
import { models } from './commands/models.js';
import { push } from './commands/push.js';
import { status } from './commands/status.js';
import { top } from './commands/top.js';
import { undeploy } from './commands/undeploy.js';

const COMMANDS: readonly Command[] = [
  status, doctor, top, models, push, alias, archive, lineage, endpoints, deploy, undeploy, infer, explain,
]; // prettier-ignore

const EVERYWHERE = {
  nats: { type: 'string' },
  region: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const EXIT_USAGE = 64; // EX_USAGE of sysexits.h

process.exitCode = await main(process.argv.slice(2));
// Whatever is still open (a reconnecting socket, a pipe of a pager) must not keep a finished command.
process.stdout.write('', () => process.exit());

async function main([name, ...rest]: string[]): Promise<number> {
  if (name === undefined) return usage(process.stderr, EXIT_USAGE);
  if (name === '--version') return say(VERSION);
  const asksHelp = name === 'help' || name === '--help' || name === '-h';
  const wanted = asksHelp ? rest[0] : name;
  if (wanted === undefined) return usage(process.stdout, 0);
  const command = COMMANDS.find((candidate) => candidate.name === wanted);
  if (!command) return wrong(`there is no command ${wanted}`);
  return asksHelp ? say(helpOf(command)) : run(command, rest);
}

async function run(command: Command, args: string[]): Promise<number> {
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({
      args,
      options: { ...EVERYWHERE, ...command.options },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    return wrong(`${command.name}: ${(error as Error).message}`, command);
  }
  const { values, positionals } = parsed;
  if (values['help'] === true) return say(helpOf(command));
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
  const session = new Session(() =>
    findMesh({
      nats: text(values, 'nats'),
      region: text(values, 'region'),
      env: process.env,
      cwd: process.cwd(),
      isRunning: processRuns,
    }),
  );
  const invocation: Invocation = {
    args: positionals,
    values,
    clock: systemClock,
    signal: interrupted.signal,
    out: new Output(
      values['json'] === true,
      (line) => void process.stdout.write(line),
      (line) => void process.stderr.write(line),
    ),
    place: () => session.place(),
    client: (mode) => session.client(mode ?? 'direct'),
    connections: () => session.connections(),
  };
  try {
    return (await command.run(invocation)) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) return wrong(`${command.name}: ${error.message}`, command);
    if (interrupted.signal.aborted) return 130;
    const { code, message, fields } = toFailure(error);
    const said =
      values['json'] === true
        ? JSON.stringify({ code, message, fix: ERRORS[code].fix, fields })
        : `massif: ${code}: ${message}\n  ${ERRORS[code].fix}`;
    process.stderr.write(`${said}\n`);
    return 1;
  } finally {
    await session.close();
  }
}

function helpOf({ usage: line, summary, help }: Command): string {
  return [`massif ${line}`, '', summary, ...(help ? ['', help] : []), '', EVERYWHERE_HELP].join('\n');
}

const EVERYWHERE_HELP = `  --nats URL[,URL]  the mesh: a NATS server of each region, nearest first (else MASSIF_NATS_URLS, else what npm start left)
  --region NAME     the nearest region, when npm start tells of several
  --json            one JSON value instead of text`;

function usage(stream: NodeJS.WriteStream, code: number): number {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  stream.write(`massif COMMAND [options]\n\n${lines.join('\n')}\n\nmassif help COMMAND says more.\n`);
  return code;
}

function say(line: string): number {
  process.stdout.write(`${line}\n`);
  return 0;
}

function wrong(sentence: string, command?: Command): number {
  const see = command ? `usage: massif ${command.usage}` : 'massif help lists the commands.';
  process.stderr.write(`massif: ${sentence}\n${see}\n`);
  return EXIT_USAGE;
}
