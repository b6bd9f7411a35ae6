#!/usr/bin/env node
// @ts-check
// The `massif` command of a checkout: its compiled command line, or a sentence when there is none yet.
import './node-version.mjs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './root.mjs';

const compiled = join(root, 'dist', 'client', 'massif.js');
if (existsSync(compiled)) await import(pathToFileURL(compiled).href);
else {
  process.stderr.write('This checkout is not built yet: npm start builds it and starts the mesh.\n');
  process.exitCode = 1;
}
