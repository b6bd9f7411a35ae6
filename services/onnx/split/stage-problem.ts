// What a split is planned from: figures of each node and each place between two. stage-costs.ts makes it of a graph; plan-stages.ts asks.
/** Nodes in an order they can run in; position p lies before node p, so a cut at p gives nodes 0..p-1 to the stages before. */
export interface StageProblem {
  readonly nodeMs: readonly number[];
  /** The constants that each node reads. One that nodes of two stages read lies in both. */
  readonly nodeWeights: readonly (readonly string[])[];
  readonly weightBytes: ReadonlyMap<string, number>;
  /** Entry p: bytes that cross when it is cut at p; one entry more than there are nodes. */
  readonly cutBytes: readonly number[];
  /** Positions where a cut is possible, ascending. */
  readonly cuts: readonly number[];
  /** What a stage needs beside its weights. */
  readonly workBytes: number;
  /** What receiving an activation takes: for each, and for each byte of it. */
  readonly hopMs: number;
  readonly msPerByte: number;
  /** Of each device. */
  readonly memoryBytes?: number;
}
