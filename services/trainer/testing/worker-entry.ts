// Where the compiled programs of trainer and compressor are: a fork needs JavaScript. `npm test` builds before it tests; whoever builds into
// another folder says so with MASSIF_TEST_DIST.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../deploy/local/root.mjs';

export function serviceProgram(path: 'trainer/main.js' | 'compressor/main.js'): string {
  // oxlint-disable-next-line node/no-process-env -- a test's own setting, not a service's
  const dist = process.env['MASSIF_TEST_DIST'] ?? join(root, 'dist');
  const entry = join(dist, 'services', path);
  if (!existsSync(entry)) throw new Error(`${entry} is not there: build first (npm run build)`);
  return entry;
}
