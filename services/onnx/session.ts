// A model ready to run, from bytes. The only file that creates onnxruntime sessions for the library; the shard's engine
// has its own needs. `run` blocks the thread while it computes and cannot be cancelled.
import * as ort from 'onnxruntime-node';
import { failure } from '../../contracts/errors.js';
import type { ExternalData } from './external-data.js';
import { refusal } from './refusal.js';
import { fromRuntime, toRuntime } from './runtime-tensor.js';
import type { Tensor } from './tensor.js';

export interface SessionOptions {
  /** Threads inside one operator. 1 by default: two sessions of one thread beat one of two on small machines. */
  readonly threads?: number;
  /**
   * Whether threads without work wait for it in a loop (the default), which answers a few microseconds sooner and takes the cores from
   * everybody else: with two threads and other work on two cores a training step of 64 digits took 48 ms, without spinning 23 ms.
   */
  readonly spinning?: boolean;
  /** 'disabled' for equality to the last bit, 'all' (the default) for speed. */
  readonly optimisation?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all';
  readonly external?: ExternalData;
  /** Writes a profile beginning with this path; profile.ts reads it. Call `endProfiling` before. */
  readonly profilePrefix?: string;
  /** Writes the graph as onnxruntime rewrote it. */
  readonly optimisedPath?: string;
}

export type Tensors = Readonly<Record<string, Tensor>>;
export type RuntimeTensors = Readonly<Record<string, ort.Tensor>>;

/** `await using session = await openSession(bytes)`. Throws MODEL_REFUSED with onnxruntime's own words. */
export async function openSession(model: Uint8Array, options: SessionOptions = {}): Promise<Session> {
  try {
    return new Session(await ort.InferenceSession.create(model, runtimeOptions(options)));
  } catch (cause) {
    throw refusal(`onnxruntime does not load the model: ${reason(cause)}`, {}, cause);
  }
}

export class Session implements AsyncDisposable {
  private state: 'open' | 'closed' = 'open';

  constructor(private readonly session: ort.InferenceSession) {}

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  /** Throws TENSOR_MISMATCH for inputs that do not fit, MODEL_FAILED when the computation itself fails. */
  async run(feeds: Tensors, wanted?: readonly string[]): Promise<Record<string, Tensor>> {
    const runtimeFeeds = Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(tensor)]),
    );
    const results = await this.runRaw(runtimeFeeds, wanted);
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromRuntime(tensor)]));
  }

  /** Without conversion; `fetches` may hold tensors to write the outputs into, which saves their copy. */
  async runRaw(feeds: RuntimeTensors, fetches?: readonly string[] | RuntimeTensors): Promise<RuntimeTensors> {
    if (this.state === 'closed') throw failure('NOT_READY', 'The session is closed.');
    // onnxruntime ignores feeds it does not know, which hides misspelt names and parameters that are initialisers.
    const stranger = Object.keys(feeds).find((name) => !this.session.inputNames.includes(name));
    if (stranger !== undefined)
      throw failure('TENSOR_MISMATCH', `The model has no input "${stranger}".`, { input: stranger });
    try {
      return fetches === undefined
        ? await this.session.run(feeds)
        : await this.session.run(feeds, fetches as string[]);
    } catch (cause) {
      throw failure(
        isMismatch(cause) ? 'TENSOR_MISMATCH' : 'MODEL_FAILED',
        `The model did not run: ${reason(cause)}`,
        {},
        cause,
      );
    }
  }

  endProfiling(): void {
    this.session.endProfiling();
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    await this.session.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function runtimeOptions(options: SessionOptions): ort.InferenceSession.SessionOptions {
  const {
    threads = 1,
    spinning = true,
    optimisation = 'all',
    external,
    profilePrefix,
    optimisedPath,
  } = options;
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: optimisation,
    logSeverityLevel: 3,
    ...(spinning ? {} : { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    ...(external === undefined
      ? {}
      : { externalData: [...external].map(([path, data]) => ({ path, data })) }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(optimisedPath === undefined ? {} : { optimizedModelFilePath: optimisedPath }),
  };
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** onnxruntime tells wrong inputs from failed runs in its text alone. */
function isMismatch(cause: unknown): boolean {
  return /invalid (input|dimensions|rank)|is missing in 'feeds'|unexpected input data type|input name|invalid feed/i.test(
    reason(cause),
  );
}
