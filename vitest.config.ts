// `unit` beside the code, `system` with real servers, `slow` as well but a minute and more each, by name: `npm run -s slow`. The globs keep dist out, where tests are compiled too.
import { defineConfig } from 'vitest/config';

// Servers are killed and cables pulled on two shared cores: in CI a test that failed is tried once more, and the last lines name
// every one that needed it, to be looked into. At a desk nothing is tried twice.
const retry = process.env['CI'] ? 1 : 0;

export default defineConfig({
  test: {
    reporters: ['default', './counted.reporter.ts'],
    retry,
    projects: [
      {
        test: {
          name: 'unit',
          retry,
          include: ['{contracts,client,services,deploy}/**/*.test.ts'],
          // What lies behind the doors is tested with open doors; identity.test.ts closes them.
          env: { MASSIF_AUTH: 'development' },
          testTimeout: 30_000,
          // Files of a worker share what they import: loading it anew for each took as long as a third of the tests.
          isolate: false,
          // They wait for servers more than they compute: one worker, which is what two cores would get, leaves them idle.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'system',
          include: ['chaos-tests/*.test.ts'],
          retry,
          // Longer than the drills' own waits for a mesh come to on busy cores: one that is given up before it ends goes on beside its second try.
          testTimeout: 400_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          // Of the commands that a file runs side by side: one starts its mesh while another's works.
          maxConcurrency: 2,
          // After the unit tests, not beside them: a mesh wants the machine to itself.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'slow',
          include: ['chaos-tests/slow/*.test.ts'],
          retry: 0,
          testTimeout: 600_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
