// The `massif` command. What it does is in cli/command-line.ts; here it meets the process it runs in.
import { runCommandLine } from './cli/command-line.js';
import { processRuns } from './cli/find-mesh.js';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));

process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  isRunning: processRuns,
  signal: interrupted.signal,
  write: (text) => void process.stdout.write(text),
  writeNote: (text) => void process.stderr.write(text),
});
// Whatever is still open (a socket that reconnects, a pipe of a pager) must not keep a finished command.
process.stdout.write('', () => process.exit());
