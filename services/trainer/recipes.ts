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

// Chosen by validation over seeds that no figure is reported of. A linear network is trained with the same settings on the same tokens
// in the same job; it gets all epochs, the others are at their best after two or three.
const WORD_CLASSES = {
  description: 'Whether the word in the middle of thirteen is a noun or a verb there.',
  licence: 'Brown corpus, redistribution permitted',
  data: { format: 'package', name: 'brown' },
  tokens: { method: 'words', vocabulary: 8_192, length: 16 },
  baseline: { kind: 'linear' },
  training: {
    epochs: 8,
    batch: 64,
    rate: 0.003,
    warmup: 0.1,
    patience: 2,
    clipNorm: 1,
    optimiser: 'adamw',
    weightDecay: 0.1,
    average: 0.995,
  },
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
        epochs: 14,
        batch: 64,
        rate: 0.005,
        warmup: 0.2,
        patience: 14,
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
    name: 'word-class-lstm',
    summary: 'a noun or a verb ("a look", "they look"), by an LSTM against a linear baseline',
    job: {
      model: 'word-class-lstm',
      network: { kind: 'lstm', embedding: 32, hidden: 32, dropout: 0.3, wide: true },
      ...WORD_CLASSES,
    },
  },
  {
    name: 'word-class-transformer',
    summary: 'a noun or a verb ("a look", "they look"), by a small transformer against a linear baseline',
    job: {
      model: 'word-class-transformer',
      network: { kind: 'transformer', width: 32, heads: 2, layers: 1, dropout: 0.2, wide: true },
      ...WORD_CLASSES,
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
