// Decides which engine to replace by a fresh one. onnxruntime gives memory of unloaded models and of unusually large inputs back
// to the process, never to the system, so the only way to have it back is another process.

export interface EngineMemory {
  readonly rssBytes: number;
  /** What it had before its first model. */
  readonly emptyBytes: number;
  /** What the models now in it added when they were loaded. */
  readonly modelBytes: number;
  /** Models that have left it. */
  readonly unloads: number;
}

/** Below this nothing is worth a move. */
const SLACK_BYTES = 96 * 1024 * 1024;
/** Runs grow the arena by a multiple of what a load shows. */
const GROWTH = 2;

/** Why, in a word; undefined when it may stay. */
export function whyRecycle(
  memory: EngineMemory,
  rssBytesMax: number,
): 'over limit' | 'not given back' | undefined {
  const { rssBytes, emptyBytes, modelBytes, unloads } = memory;
  if (rssBytes > rssBytesMax) return 'over limit';
  // Without unloads what is there belongs to models that are here: a fresh process would grow to the same size.
  if (unloads === 0) return undefined;
  return rssBytes > emptyBytes + modelBytes * GROWTH + SLACK_BYTES ? 'not given back' : undefined;
}
