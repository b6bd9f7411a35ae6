// One onnxruntime session made of verified bytes, and its runs. Knows tensors by name and nothing of requests.
import { InferenceSession, type Tensor as RuntimeTensor } from 'onnxruntime-node';
import { failure } from '../../../contracts/errors.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import { deviceFailure, executionProviders, lacksDevice } from './execution-device.js';
import { fromRuntime, runtimeType, toRuntime } from './tensors.js';

export interface ModelBytes {
  readonly model: Uint8Array;
  /** External data by the location that the graph names. */
  readonly external: ReadonlyMap<string, Uint8Array>;
  /** A folder with the files that are not in `external`: the library maps them, so that weights are in memory once and as pages of a file. */
  readonly folder?: string | undefined;
}

export interface SessionSetting {
  readonly threads: number;
  readonly device: string;
  /** These are bytes that onnxruntime rewrote before, in its own format. */
  readonly prepared?: boolean;
  /** Writes there what it rewrites, in its own format. */
  readonly writeTo?: string | undefined;
  /** Outputs that the graph has beside the declared ones, for whoever watches. */
  readonly taps?: readonly string[];
}

export interface Declared {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export class ModelSession {
  private readonly datatypes: ReadonlyMap<string, TensorSpec>;
  private readonly names: readonly string[];

  private constructor(
    private readonly session: InferenceSession,
    readonly declared: Declared,
    /** Of those asked for, what the graph has. */
    private readonly taps: readonly string[],
  ) {
    this.datatypes = new Map(declared.outputs.map((spec) => [spec.name, spec]));
    this.names = declared.outputs.map(({ name }) => name);
  }

  static async create(
    { model, external, folder }: ModelBytes,
    declared: Declared,
    { threads, device, prepared = false, writeTo, taps = [] }: SessionSetting,
  ): Promise<ModelSession> {
    const inPlace = prepared && model.length <= IN_PLACE_BYTES_MAX;
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(model, {
        executionProviders: executionProviders(device),
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        ...(prepared && { graphOptimizationLevel: 'disabled' }),
        ...(writeTo !== undefined && { optimizedModelFilePath: writeTo }),
        extra: {
          session: {
            ...(prepared && { use_ort_model_bytes_directly: '1' }),
            ...(inPlace && { use_ort_model_bytes_for_initializers: '1' }),
            ...(writeTo !== undefined && { save_model_format: 'ORT' }),
            ...(folder !== undefined && mapped(folder)),
          },
        },
        // What goes wrong comes back as an error; printed, it would put strangers' names for nodes into our log.
        logSeverityLevel: 4,
        // Always given: without it the library looks for such files in the working directory.
        externalData: [...external].map(([path, data]) => ({ path, data })),
      });
    } catch (cause) {
      if (lacksDevice(device, reason(cause))) throw deviceFailure(device, reason(cause), cause);
      throw failure('MODEL_REFUSED', `onnxruntime does not load the model: ${reason(cause)}`, {}, cause);
    }
    if (inPlace) weightsOf.set(session, model);
    try {
      agree('input', session.inputMetadata, declared.inputs);
      const own = session.outputMetadata.filter(({ name }) => !taps.includes(name));
      agree('output', own, declared.outputs);
    } catch (error) {
      await session.release();
      throw error;
    }
    return new ModelSession(
      session,
      declared,
      taps.filter((name) => session.outputNames.includes(name)),
    );
  }

  /**
   * Inputs are checked before; whatever the model throws at their values is MODEL_FAILED. `taps` takes what the taps give (FP32, rows first); without it
   * they are not fetched, since their way into JavaScript costs more than their sums.
   */
  async run(inputs: readonly Tensor[], taps?: Tensor[]): Promise<Tensor[]> {
    const feeds: Record<string, RuntimeTensor> = {};
    for (const tensor of inputs) feeds[tensor.name] = toRuntime(tensor);
    let results: InferenceSession.ReturnType;
    try {
      results =
        this.taps.length === 0 || taps
          ? await this.session.run(feeds)
          : await this.session.run(feeds, this.names);
    } catch (cause) {
      throw failure('MODEL_FAILED', `The model failed: ${reason(cause)}`, {}, cause);
    }
    for (const name of taps === undefined ? [] : this.taps) {
      const result = results[name];
      if (result !== undefined) taps?.push(fromRuntime(name, 'FP32', result));
    }
    return this.declared.outputs.map(({ name, datatype }) => {
      const result = results[name];
      if (result === undefined) throw failure('MODEL_FAILED', `The model gave no output "${name}".`);
      return fromRuntime(name, datatype, result);
    });
  }

  /** The output's declaration, for those who check results. */
  output(name: string): TensorSpec | undefined {
    return this.datatypes.get(name);
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/**
 * Of a prepared graph up to this size the library reads weights where they lie: a fresh engine's session of 10 MB takes 42 ms of processor
 * time where one with copies takes 54. What it packs anew is there twice then, which larger weights are not worth.
 */
const IN_PLACE_BYTES_MAX = 32 * 1024 * 1024;
/** Those bytes stay for as long as the session does. */
const weightsOf = new WeakMap<InferenceSession, Uint8Array>();

/** Prepacking would make a second copy of every weight, in memory that is no file's. */
const mapped = (folder: string): Record<string, string> => ({
  model_external_initializers_file_folder_path: folder,
  disable_prepacking: '1',
});

/**
 * The version's record against what the library found in the same bytes. The element types matter most: an int4 output ends
 * the whole process in run, and a list or map cannot be answered.
 */
function agree(
  side: 'input' | 'output',
  found: readonly InferenceSession.ValueMetadata[],
  declared: readonly TensorSpec[],
): void {
  for (const meta of found) {
    const spec = declared.find(({ name }) => name === meta.name);
    if (!meta.isTensor) throw failure('MODEL_REFUSED', `The ${side} "${meta.name}" is not a tensor.`);
    if (!spec)
      throw failure('MODEL_REFUSED', `The model has an ${side} "${meta.name}" that its record lacks.`);
    if (runtimeType(spec.datatype) !== meta.type)
      throw failure(
        'MODEL_REFUSED',
        `The ${side} "${meta.name}" is ${meta.type}, its record says ${spec.datatype}.`,
      );
  }
  const missing = declared.find(({ name }) => !found.some((meta) => meta.name === name));
  if (missing)
    throw failure('MODEL_REFUSED', `The record has an ${side} "${missing.name}" that the model lacks.`);
}

const REASON_CHARS_MAX = 500;
/** onnxruntime's texts name its own source lines first; a model's names in them are a stranger's text. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, REASON_CHARS_MAX);
}
