// Makes a process slower by a factor: it runs for a slice and stands still for the others (SIGSTOP, SIGCONT), until this one ends. Waits
// by spinning: a timer of the event loop is a millisecond late, which is a slice.
const [pidText, timesText] = process.argv.slice(2);
const pid = Number(pidText);
const times = Number(timesText);
if (!(pid > 0 && times > 1)) throw new Error('usage: slow-down.js PID TIMES');

const SLICE_MS = 2;

process.on('SIGTERM', () => leave());
process.on('disconnect', () => leave());
process.send?.({ type: 'ready' });
turn();

function turn(): void {
  if (!signal('SIGCONT')) return leave();
  const untilMs = performance.now() + SLICE_MS;
  while (performance.now() < untilMs);
  signal('SIGSTOP');
  setTimeout(turn, SLICE_MS * (times - 1));
}

function signal(name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // it is gone
  }
}

/** Whatever happens, nobody is left standing. */
function leave(): never {
  signal('SIGCONT');
  process.exit(0);
}
