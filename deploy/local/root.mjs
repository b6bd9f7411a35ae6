// @ts-check
// Where this checkout is, seen from the sources as well as from dist/. Everything here that reads or writes a file starts from it.
import assert from 'node:assert';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @param {string} folder */
function above(folder) {
  for (let here = folder; ; here = dirname(here)) {
    if (existsSync(join(here, 'package.json'))) return here;
    assert(here !== dirname(here), `no package.json above ${folder}`);
  }
}

/** The checkout's folder. */
export const root = above(dirname(fileURLToPath(import.meta.url)));
