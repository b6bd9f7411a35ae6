// What bench compress compares: a parent and what was made of it, with inputs to time both and a measure of what was lost.
import type { Tensors } from '../../services/onnx/session.js';

export interface Subject {
  readonly model: string;
  readonly parent: Uint8Array;
  readonly feeds: Tensors;
  readonly methods: Readonly<Record<string, Uint8Array>>;
  /** Points lost. */
  readonly drop: (model: Uint8Array) => Promise<number>;
}

export const SIZES = {
  ci: { steps: 10, tests: 200, rounds: 3, lines: 2, feedbackSteps: 4 },
  quick: { steps: 250, tests: 4_000, rounds: 40, lines: 8, feedbackSteps: 100 },
  full: { steps: 800, tests: 10_000, rounds: 300, lines: 40, feedbackSteps: 300 },
} as const;

export type Size = (typeof SIZES)['ci' | 'quick' | 'full'];
