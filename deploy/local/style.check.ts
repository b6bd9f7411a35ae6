// The checks of style as a test: lint, which room may know which, what nobody uses, formatting.
import { test } from 'vitest';
import { npm } from './npm.mjs';

test('the style of our code', () => npm(['run', '--silent', 'style']), 300_000);
