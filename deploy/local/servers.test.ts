import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mirrorsIn } from './debian-packages.mjs';
import { prepareServers } from './server-cache.mjs';
import { cachedFolder, findServer } from './servers.mjs';
import { createSteps } from './steps.mjs';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-servers-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function program(path: string, says: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
  return path;
}

test('a server that is too old is passed over for the next one on PATH', async () => {
  await program(join(dir, 'old', 'nats-server'), 'nats-server: v2.9.25');
  const good = await program(join(dir, 'new', 'nats-server'), 'nats-server: v2.10.0');
  expect(await findServer('nats', { PATH: `${join(dir, 'old')}:${join(dir, 'new')}` })).toBe(good);
});

test('what PATH lacks comes from the cache of this user', async () => {
  const env = { PATH: join(dir, 'empty'), XDG_CACHE_HOME: dir };
  expect(await findServer('consul', env)).toBeUndefined();
  const cached = await program(join(cachedFolder('consul', env), 'usr', 'bin', 'consul'), 'Consul v1.8.7');
  expect(await findServer('consul', env)).toBe(cached);
});

test('a path that was given and is wrong is said, not replaced', async () => {
  const old = await program(join(dir, 'nats-server'), 'nats-server: v2.9.25');
  await expect(findServer('nats', { MASSIF_NATS: old })).rejects.toThrow(
    `${old} (--nats or MASSIF_NATS) is version 2.9: name a nats-server of version 2.10 or newer.`,
  );
  await expect(findServer('consul', { MASSIF_CONSUL: join(dir, 'none') })).rejects.toThrow('does not run');
});

test('a machine without apt is told in one sentence what to install and which options there are', async () => {
  await expect(
    prepareServers(createSteps(true), { PATH: join(dir, 'empty'), XDG_CACHE_HOME: dir }),
  ).rejects.toThrow(
    'Install nats-server 2.10 or newer and consul 1.8 or newer so that PATH finds them, or say where they are: npm start -- --nats PATH --consul PATH',
  );
});

test("the mirrors asked are those of the machine's own archive, once each", () => {
  const lines = [
    'cdrom:[Debian]/ bookworm main',
    'http://mirror.example/debian/ bookworm main',
    'http://mirror.example/debian/ bookworm contrib',
    'http://mirror.example/debian/ bookworm-updates main',
    'http://mirror.example/debian-security/ bookworm-security main',
    'https://tools.example/apt/ stable tools',
    '',
  ];
  expect(mirrorsIn(lines.join('\n'))).toEqual(['http://mirror.example/debian/']);
});
