// Free ports on the loopback address, for servers that cannot choose their own. The starters ask when no ports are given.
import { createServer } from 'node:net';

// Below the range from which systems take the ports of outgoing connections (32768 on Linux, 49152 on macOS): a port from
// that range may be taken by somebody's connection while its server is being restarted, and a client that keeps knocking
// on such a port can end up connected to itself.
const FIRST = 20_000;
const LAST = 32_000;

/** Whether nobody listens on this port now. */
export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** `count` different free ports. Another program may take one before it is used: callers start again on "in use". */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}
