// All classes of attempts on the gate of a shard host.
import type { AttackClass } from './class.js';
import { files } from './files.js';
import { models } from './models.js';
import { policies } from './policies.js';
import { signatures } from './signatures.js';
import { statements } from './statements.js';

export const CLASSES: readonly AttackClass[] = [
  ...signatures,
  ...statements,
  ...policies,
  ...files,
  ...models,
];
