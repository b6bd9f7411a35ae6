// What bench/train.ts measures: one way to train one network.
export interface Trainer {
  readonly name: string;
  readonly peer: boolean;
  /** Seconds a step rather than milliseconds: measured in few rounds, and in the full form alone. */
  readonly slow: boolean;
  readonly stepsPerRun: number;
  run(): Promise<unknown>;
  close(): Promise<unknown>;
}
