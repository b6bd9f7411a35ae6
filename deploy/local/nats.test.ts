import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startNats } from './nats.js';
import { root } from './root.mjs';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif nats '));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('a message published in one region reaches a subscriber in the other, and each region is its own JetStream domain', async () => {
  await using east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  await using west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  const [here, there] = await Promise.all([connect({ servers: east.url }), connect({ servers: west.url })]);
  try {
    const answering = here.subscribe('greeting', {
      callback: (_, message) => void message.respond('from east'),
    });
    await here.flush();
    await expect
      .poll(async () =>
        there.request('greeting').then(
          (reply) => reply.string(),
          () => 'nobody',
        ),
      )
      .toBe('from east');
    answering.unsubscribe();

    const manager = await jetstreamManager(there, { domain: 'west' });
    expect((await manager.getAccountInfo()).domain).toBe('west');
    const across = await jetstreamManager(there, { domain: 'east' });
    expect((await across.getAccountInfo()).domain).toBe('east');
  } finally {
    await Promise.all([here.close(), there.close()]);
  }
});

test('a server killed and restarted answers on the same port with the same streams', async () => {
  await using nats = await startNats({ dir, region: 'east' });
  const before = await connect({ servers: nats.url });
  const manager = await jetstreamManager(before);
  await manager.streams.add({ name: 'KEPT', subjects: ['kept.>'] });
  await jetstream(before).publish('kept.one', 'a');
  await before.close();
  const { pid, url } = nats;

  await nats.kill('SIGKILL');
  await nats.restart();

  expect(nats.url).toBe(url);
  expect(nats.pid).not.toBe(pid);
  const after = await connect({ servers: nats.url });
  const again = await jetstreamManager(after);
  expect((await again.streams.info('KEPT')).state.messages).toBe(1);
  await after.close();
});

test('the leaf link comes back after the home region was killed', async () => {
  await using east = await startNats({ dir: join(dir, 'east'), region: 'east' });
  await using west = await startNats({ dir: join(dir, 'west'), region: 'west', home: east.leafUrl });
  await east.kill('SIGKILL');
  await east.restart();
  await east.linked();
  await west.linked();
});

test('an engine that computes for four seconds keeps its connection, and its answer arrives', async () => {
  await using nats = await startNats({ dir, region: 'east' });
  const caller = await connect({ servers: nats.url });
  const engine = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { connect } from '@nats-io/transport-node';
       const connection = await connect({ servers: ${JSON.stringify(nats.url)} });
       connection.subscribe('compute', {
         callback: (_, message) => {
           const began = performance.now();
           while (performance.now() - began < 4_000);
           message.respond('computed');
         },
       });
       await connection.flush();
       console.log('listening');`,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(engine.stdout, 'data');
    expect((await caller.request('compute', '', { timeout: 15_000 })).string()).toBe('computed');
  } finally {
    engine.kill('SIGKILL');
    await caller.close();
  }
});

test('a port that somebody else holds is said in the error', async () => {
  const squatter = createServer();
  const port = await new Promise<number>((resolve) => {
    squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
  });
  try {
    const ports = { client: port, leaf: port + 1, monitor: port + 2 };
    await expect(startNats({ dir, region: 'east', ports })).rejects.toMatchObject({ portTaken: true });
  } finally {
    squatter.close();
  }
});
