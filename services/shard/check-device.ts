// Whether the device that an operator named is there, before the shard says that it is. The module asks while it is made.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { deviceClassOf } from '../../contracts/placement.js';
import { deviceFailure } from './engine/execution-device.js';

// A GPU's first context takes seconds.
const PROBE_MS_MAX = 60_000;

/** Throws DEVICE_UNAVAILABLE. Processors are always there. */
export async function checkDevice(kind: string): Promise<void> {
  if (deviceClassOf(kind) === 'cpu') return;
  const program = fileURLToPath(new URL('./engine/probe-device.js', import.meta.url));
  const child = fork(program, [kind], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  try {
    const signal = AbortSignal.timeout(PROBE_MS_MAX);
    const said = await Promise.race([
      once(child, 'message', { signal }).then(([message]) => (message as { reason?: string }).reason),
      once(child, 'exit', { signal }).then(([code, by]) => `the probe ended with ${String(by ?? code)}`),
    ]);
    if (said !== undefined) throw deviceFailure(kind, said);
  } finally {
    child.kill('SIGKILL');
  }
}
