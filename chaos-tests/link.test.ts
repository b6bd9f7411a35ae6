import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePorts } from '../deploy/local/free-ports.js';
import { Link } from './link.js';

async function echo() {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const [port = 0] = await freePorts(1);
  return { server, link: await Link.open(port, (server.address() as AddressInfo).port) };
}

/** What comes back; silence is waited for no longer than need be, an answer as long as busy cores take. */
async function said(port: number, text: string, withinMs = 10_000): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(text);
    const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(withinMs) })) as [Buffer];
    return data.toString();
  } catch {
    return 'nothing';
  } finally {
    socket.destroy();
  }
}

test('a line passes what it is given, nothing while it is cut, and again when it is mended', async () => {
  const { server, link } = await echo();
  await using _ = link;
  expect(await said(link.port, 'a')).toBe('a');
  for (const how of ['severed', 'frozen'] as const) {
    link.cut(how);
    expect(await said(link.port, 'b', 500)).toBe('nothing');
    link.mend();
    expect(await said(link.port, 'c')).toBe('c');
  }
  server.close();
});

test('what was on its way into a frozen line arrives when it is mended', async () => {
  const { server, link } = await echo();
  await using _ = link;
  const socket = connect(link.port, '127.0.0.1');
  await once(socket, 'connect');
  link.cut('frozen');
  socket.write('late');
  await sleep(50);
  const heard = once(socket, 'data');
  link.mend();
  expect(String((await heard)[0])).toBe('late');
  socket.destroy();
  server.close();
});
