// A training run as bytes: everything that it needs to go on as if nothing had happened. Orders of examples and augmentation are
// drawn from seed, epoch and batch, so the position is the whole state of chance. Checkpoints are made of it.
import { z } from 'zod';
import { EpochFigures, Quality } from '../../../contracts/train-report.js';
import { failure } from '../../../contracts/errors.js';
import type { Tensors } from '../../onnx/session.js';
import { elementCount, float32, floatValues, type Tensor } from '../../onnx/tensor.js';

const Head = z.object({
  format: z.literal('massif-run-1'),
  /** Which job on which data with which network: a checkpoint of another one is refused. */
  fingerprint: z.string(),
  /** What a search chose, as its job wrote it. */
  note: z.string(),
  epoch: z.int(),
  /** Batches of this epoch that are done. */
  batch: z.int(),
  stepCount: z.int(),
  /** Sum of losses in this epoch; a number in JSON keeps all its bits. */
  lossSum: z.number(),
  elapsedMs: z.number(),
  history: z.array(EpochFigures),
  best: z.object({ epoch: z.int(), loss: z.number(), ...Quality.shape }).optional(),
  tensors: z.array(z.object({ of: z.enum(['state', 'best']), name: z.string(), dims: z.array(z.int()) })),
});

export interface RunPosition extends Omit<z.infer<typeof Head>, 'format' | 'tensors'> {
  readonly state: Tensors;
  /** Weights of the epoch with the best validation loss. */
  readonly bestState: Tensors | undefined;
}

export function saveRun({ state, bestState, ...position }: RunPosition): Uint8Array {
  const listed = [
    ...Object.entries(state).map(([name, tensor]) => ({ of: 'state' as const, name, tensor })),
    ...Object.entries(bestState ?? {}).map(([name, tensor]) => ({ of: 'best' as const, name, tensor })),
  ];
  const tensors = listed.map(({ of, name, tensor }) => ({ of, name, dims: [...tensor.dims] }));
  const head = new TextEncoder().encode(JSON.stringify({ format: 'massif-run-1', ...position, tensors }));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, head.length, true);
  return Buffer.concat([
    length,
    head,
    ...listed.map(({ tensor }) => {
      const values = floatValues(tensor);
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    }),
  ]);
}

/** Throws DATA_REFUSED for bytes that are no whole checkpoint, or that of another run. */
export function readRun(bytes: Uint8Array, fingerprint: string): RunPosition {
  const refuse = (what: string, cause?: unknown): Error =>
    failure('DATA_REFUSED', `The checkpoint ${what}.`, {}, cause);
  if (bytes.length < 4) throw refuse('is empty');
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  let head: z.infer<typeof Head>;
  try {
    head = Head.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))));
  } catch (error) {
    throw refuse('cannot be read', error);
  }
  if (head.fingerprint !== fingerprint) throw refuse('belongs to another job, or to other data');
  let at = 4 + length;
  const found: Record<'state' | 'best', Record<string, Tensor>> = { state: {}, best: {} };
  for (const { of, name, dims } of head.tensors) {
    const size = 4 * elementCount(dims);
    if (at + size > bytes.length) throw refuse('ends early');
    const values = new Float32Array(new Uint8Array(bytes.subarray(at, at + size)).buffer);
    found[of][name] = float32(dims, values);
    at += size;
  }
  const { tensors: _tensors, format: _format, ...position } = head;
  return { ...position, state: found.state, bestState: head.best === undefined ? undefined : found.best };
}
