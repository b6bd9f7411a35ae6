// Where the compiled engine is: a fork needs JavaScript. `npm test` builds before it tests; whoever builds into another folder
// says so with MASSIF_TEST_DIST.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../deploy/local/root.mjs';

export function engineEntry(): string {
  const dist = process.env['MASSIF_TEST_DIST'] ?? join(root, 'dist');
  const entry = join(dist, 'services/shard/engine/engine.js');
  if (!existsSync(entry)) throw new Error(`${entry} is not there: build first (npm run build)`);
  return entry;
}
