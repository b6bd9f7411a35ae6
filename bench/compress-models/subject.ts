// What bench compress compares: a parent and what was made of it, with inputs to time both and a measure of what was lost.
import type { Tensors } from '../../services/onnx/session.js';
import type { Aim } from '../report.js';

export interface Subject {
  readonly model: string;
  readonly parent: Uint8Array;
  readonly feeds: Tensors;
  readonly methods: Readonly<Record<string, Uint8Array>>;
  /** Points lost. */
  readonly drop: (model: Uint8Array) => Promise<number>;
  /** Beside what its rows show. */
  readonly aims?: readonly Aim[];
  /** The method that the model's aims go by, where the part chose one. */
  readonly best?: string;
}

/** A subject of which everything but the time is known; it travels from the thread that made it. */
export interface Made extends Omit<Subject, 'methods' | 'drop'> {
  readonly methods: readonly {
    readonly name: string;
    readonly model: Uint8Array;
    readonly drop: number;
    /** Bytes between regions. */
    readonly packed: number;
  }[];
}

/** `packed`: the methods whose models are packed for their way, which takes a third of the shortest form; others travel as they are. */
export const SIZES = {
  ci: {
    packed: /zeros/,
    steps: 4,
    tests: 100,
    rounds: 3,
    lines: 2,
    feedbackSteps: 2,
    deepSteps: 2,
    textSteps: 4,
    textStudents: { steps: 10, seeds: 1 },
    narrowStudents: 1,
  },
  quick: {
    packed: /./,
    steps: 250,
    tests: 4_000,
    rounds: 40,
    lines: 8,
    feedbackSteps: 100,
    deepSteps: 120,
    textSteps: 500,
    textStudents: { steps: 250, seeds: 2 },
    narrowStudents: 2,
  },
  full: {
    packed: /./,
    steps: 400,
    tests: 8_000,
    rounds: 100,
    lines: 40,
    feedbackSteps: 100,
    deepSteps: 250,
    textSteps: 750,
    textStudents: { steps: 250, seeds: 3 },
    narrowStudents: 8,
  },
} as const;

export type Size = (typeof SIZES)['ci' | 'quick' | 'full'];
