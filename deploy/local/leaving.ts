// When `npm start` should end: a signal, or the death of the npm that started it. start.ts waits for it and stops in order.

const LOOK_EVERY_MS = 250;

// One Ctrl-C arrives twice: the terminal sends it to everybody, and npm passes its own on.
const SAME_SIGNAL_MS = 1_000;

/** Aborts with the reason, in words. A second signal ends the process at once; the undertaker does the rest. */
export function watchForLeaving(): AbortSignal {
  const leaving = new AbortController();
  let sinceMs = 0;
  const leave = (why: string): void => {
    if (!leaving.signal.aborted) {
      sinceMs = performance.now();
      leaving.abort(why);
    } else if (performance.now() - sinceMs > SAME_SIGNAL_MS) process.exit(1);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => leave(name));

  // npm cannot pass on a SIGKILL: we only see that we have another parent. Started by hand, the parent is a shell that may
  // well end before us.
  if (process.env['npm_lifecycle_event'] !== undefined) {
    const parent = process.ppid;
    const look = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(look);
      leave('npm is gone');
    }, LOOK_EVERY_MS);
    look.unref();
  }
  // The other end of our output may go first; lines nobody reads are no reason to fail.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return leaving.signal;
}
