import { expect, test } from 'vitest';
import { FakeClock } from '../../services/mesh/testing/fake-clock.js';
import type { Invocation } from '../cli/command.js';
import { status } from './status.js';

/** What `massif status` prints, and its exit code, where one endpoint is ready and the router explains of the others what is given. */
async function shown(whys: Readonly<Record<string, object | Error>>) {
  const lines: string[] = [];
  const massif = {
    processes: () => [
      {
        region: 'east',
        instance: 'edge-east',
        services: ['router'],
        pid: 1,
        rssBytes: 1e6,
        startedAt: '2026-01-01T00:00:00Z',
        version: '1',
      },
    ],
    endpoints: () => ['well', ...Object.keys(whys)].map((name) => ({ name })),
    ready: (name: string) => Promise.resolve(name === 'well'),
    explain: (name: string) => {
      const why = whys[name];
      return why instanceof Error ? Promise.reject(why) : Promise.resolve(why);
    },
  };
  const out = { show: (_: unknown, text: () => string) => void lines.push(text()) };
  const clock = new FakeClock();
  const code = await status.run({
    client: () => Promise.resolve(massif),
    clock,
    out,
  } as unknown as Invocation);
  return { code, text: lines.join('\n') };
}

test('an endpoint that is not ready says why, in the words of the router', async () => {
  const { code, text } = await shown({
    nowhere: { refusal: { code: 'NOT_READY' }, reasons: ['all of it to v1', 'It can lie nowhere: device.'] },
    unsaid: new Error('no router answers'),
  });
  expect(code).toBe(1);
  expect(text).toMatch(/^well +ready *$/m);
  expect(text).toMatch(/^nowhere +NOT READY +It can lie nowhere: device\. *$/m);
  expect(text).toMatch(/^unsaid +NOT READY *$/m);
});

test('where all is ready the exit code is 0', async () => {
  expect((await shown({})).code).toBe(0);
});
