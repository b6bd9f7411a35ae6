// Recipes that have a name: `massif compress digits --recipe int8`. The command line, the compressor and its search take them from
// here. Those that are for bytes alone allow a version that is no faster.
import { CompressionRecipe, type CompressionStep } from './compression-recipe.js';
import { failure } from './errors.js';
import type { z } from 'zod';

export interface NamedRecipe {
  readonly name: string;
  readonly summary: string;
  /** What its steps need beside the model. */
  readonly needs: 'nothing' | 'samples' | 'labels';
  readonly recipe: CompressionRecipe;
}

const recipe = (
  name: string,
  needs: NamedRecipe['needs'],
  summary: string,
  steps: z.input<typeof CompressionStep>[],
  budget: z.input<typeof CompressionRecipe>['budget'] = {},
): NamedRecipe => ({ name, summary, needs, recipe: CompressionRecipe.parse({ steps, budget }) });

const BYTES_ONLY = { latency: 10 };

export const COMPRESSION_RECIPES: readonly NamedRecipe[] = [
  recipe('int8', 'samples', 'static int8, ranges by the least squares', [
    { kind: 'static', calibrator: 'squares' },
  ]),
  recipe('int8-minmax', 'samples', 'static int8, ranges from the least to the greatest', [
    { kind: 'static' },
  ]),
  recipe('int8-entropy', 'samples', 'static int8, ranges by entropy', [
    { kind: 'static', calibrator: 'entropy' },
  ]),
  recipe('int8-dynamic', 'nothing', 'int8 weights, ranges of activations measured as they come', [
    { kind: 'dynamic' },
  ]),
  recipe('fixed-point', 'samples', 'int8 with scales that are powers of two', [
    { kind: 'static', scales: 'powerOfTwo' },
  ]),
  recipe('masked', 'labels', 'int8, and int4 where gradients allow', [{ kind: 'masked', share: 0.75 }]),
  recipe(
    'int4',
    'nothing',
    'weights of 4 bits in blocks of 32: for bytes',
    [{ kind: 'blockwise' }],
    BYTES_ONLY,
  ),
  recipe(
    'float16',
    'nothing',
    'half the bytes, no slower than that: for bytes',
    [{ kind: 'float16' }],
    BYTES_ONLY,
  ),
  recipe(
    'half',
    'labels',
    'half the multiplications: whole channels go, the rest learns again',
    [{ kind: 'thin', keep: 0.5, steps: 600 }],
    { drop: 0.012 },
  ),
  recipe(
    'half-int8',
    'labels',
    'half the multiplications, then static int8',
    [
      { kind: 'thin', keep: 0.5, steps: 600 },
      { kind: 'static', calibrator: 'squares' },
    ],
    { drop: 0.015 },
  ),
  recipe(
    'quarter-int8',
    'labels',
    'a quarter of the multiplications, then static int8',
    [
      { kind: 'thin', keep: 0.25, steps: 900 },
      { kind: 'static', calibrator: 'squares' },
    ],
    { drop: 0.02 },
  ),
  recipe(
    'student',
    'labels',
    'an eighth of the multiplications: what is left of the network learns from the whole of it',
    [{ kind: 'distil', student: { from: 'parent', keep: 0.125 }, hints: 2, steps: 1_500, rate: 3e-3 }],
    { drop: 0.015 },
  ),
  recipe(
    'faster',
    'labels',
    'six tenths of the latency: channels go where a millisecond costs least, the rest learns again',
    [{ kind: 'thin', latency: 0.6, steps: 600 }],
    { drop: 0.012 },
  ),
  recipe(
    'pooled',
    'labels',
    'smaller feature maps where they cost least, four tenths of the multiplications',
    [{ kind: 'pool', keep: 0.4, trialSteps: 40, steps: 1_500, rate: 3e-3 }],
    { drop: 0.01 },
  ),
];

/** Throws BAD_REQUEST naming those that there are. */
export function namedRecipe(name: string): NamedRecipe {
  const found = COMPRESSION_RECIPES.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw failure(
    'BAD_REQUEST',
    `There is no recipe "${name}"; there are ${COMPRESSION_RECIPES.map((one) => one.name).join(', ')}.`,
  );
}
