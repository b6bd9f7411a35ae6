// Jobs that run as they are: `massif train --recipe iris`. Their data come from npm packages, their settings from measurements
// (bench/recipes.ts). Submitting asks.
import { failure } from '../../contracts/errors.js';
import { TrainJob } from '../../contracts/train-job.js';
import type { z } from 'zod';

export interface Recipe {
  readonly name: string;
  readonly summary: string;
  readonly job: z.input<typeof TrainJob>;
}

const SENTENCES = { format: 'package', name: 'brown' } as const;

// Chosen by validation over seeds that no figure is reported of. A linear network is trained for as long, on the same tokens, in the
// same job; networks of tokens with weights enough to know the training sentences by heart are at their best after an epoch.
const SENTENCES_TRAINING = {
  epochs: 3,
  batch: 64,
  rate: 0.003,
  warmup: 0.1,
  patience: 1,
  clipNorm: 1,
  optimiser: 'adamw',
  weightDecay: 0.1,
  average: 0.99,
} as const;

export const RECIPES: readonly Recipe[] = [
  {
    name: 'iris',
    summary: 'three kinds of flowers from four lengths, a small network',
    job: {
      model: 'iris',
      description: 'Kind of iris from sepal length, sepal width, petal length and petal width in cm.',
      licence: 'MIT',
      data: { format: 'package', name: 'iris' },
      split: { validation: 0.05, test: 0.2 },
      network: { kind: 'mlp', hidden: [32] },
      training: { epochs: 60, batch: 16, rate: 0.02, patience: 60, weightDecay: 0.3, optimiser: 'adamw' },
    },
  },
  {
    name: 'petals',
    summary: 'the length of a petal in cm from the other lengths and the kind: a number rather than a class',
    job: {
      model: 'petals',
      description: 'Petal length in cm from sepal length, sepal width, petal width in cm and kind of iris.',
      licence: 'MIT',
      data: { format: 'package', name: 'petals' },
      network: { kind: 'mlp', hidden: [16] },
      baseline: { kind: 'linear' },
      training: {
        epochs: 150,
        batch: 16,
        rate: 0.01,
        patience: 150,
        weightDecay: 0.1,
        optimiser: 'adamw',
        loss: 'huber',
        average: 0.99,
      },
    },
  },
  {
    name: 'digits',
    summary: 'handwritten digits of 28 x 28 pixels, a convolutional network',
    job: {
      model: 'digits',
      description: 'Handwritten digit from 28 x 28 pixels, 0 to 255, white on black.',
      licence: 'MIT',
      data: { format: 'package', name: 'digits' },
      split: { validation: 0.03, test: 0.1 },
      network: { kind: 'cnn', channels: [16, 32], hidden: [64] },
      training: {
        epochs: 10,
        batch: 64,
        rate: 0.006,
        warmup: 0.2,
        patience: 10,
        augment: true,
        average: 0.99,
      },
    },
  },
  {
    name: 'spam',
    summary: 'spam or ham from subject and body, a linear network: larger ones are no better at it',
    job: {
      model: 'spam',
      description: 'Spam or ham from the first words of a mail.',
      licence: 'public domain data',
      data: { format: 'package', name: 'spam' },
      tokens: { method: 'words', vocabulary: 8_192, length: 128 },
      network: { kind: 'linear' },
      training: { epochs: 10, batch: 64, rate: 0.003, patience: 3, optimiser: 'adamw', weightDecay: 0.1 },
    },
  },
  {
    name: 'prose-lstm',
    summary: 'imaginative or informative prose from one sentence, an LSTM against a linear baseline',
    job: {
      model: 'prose-lstm',
      description: 'Imaginative or informative prose from the words of one sentence.',
      licence: 'Brown corpus, redistribution permitted',
      data: SENTENCES,
      tokens: { method: 'words', vocabulary: 8_192, length: 32 },
      network: { kind: 'lstm', embedding: 16, hidden: 32, dropout: 0.3, wide: true },
      baseline: { kind: 'linear' },
      training: SENTENCES_TRAINING,
    },
  },
  {
    name: 'prose-transformer',
    summary:
      'imaginative or informative prose from one sentence, a small transformer against a linear baseline',
    job: {
      model: 'prose-transformer',
      description: 'Imaginative or informative prose from the words of one sentence.',
      licence: 'Brown corpus, redistribution permitted',
      data: SENTENCES,
      tokens: { method: 'words', vocabulary: 8_192, length: 32 },
      network: { kind: 'transformer', width: 32, heads: 2, layers: 1, dropout: 0.3, wide: true },
      baseline: { kind: 'linear' },
      training: SENTENCES_TRAINING,
    },
  },
  {
    name: 'characters',
    summary: 'which character follows, a small decoder on running text',
    job: {
      model: 'characters',
      description: 'Probabilities of the next character at every place of 64.',
      licence: 'public domain data',
      data: { format: 'package', name: 'mails' },
      split: { test: 0.1 },
      tokens: { method: 'characters', vocabulary: 96, length: 64 },
      network: { kind: 'decoder', width: 64, heads: 2, layers: 2 },
      training: { epochs: 8, batch: 32, rate: 0.003, patience: 8, clipNorm: 1 },
    },
  },
];

/** Throws BAD_REQUEST naming those that there are. */
export function recipeJob(name: string): z.input<typeof TrainJob> {
  const recipe = RECIPES.find((one) => one.name === name);
  if (recipe !== undefined) return structuredClone(recipe.job);
  throw failure(
    'BAD_REQUEST',
    `There is no recipe "${name}"; there are ${RECIPES.map((one) => one.name).join(', ')}.`,
  );
}
