// Inputs for profiling a version before it is split: sizes that vary come from the command, else from its card. `massif split` asks.
import type { TensorSpec } from '../../contracts/tensor-spec.js';
import { seeded } from '../../services/onnx/seeded.js';
import type { Tensors } from '../../services/onnx/session.js';
import { elementCount, float32, int64, type Tensor } from '../../services/onnx/tensor.js';

export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Sizes by name of the dimension or by `input:axis`; what nobody says is 1. */
export const probeShapes = (specs: readonly TensorSpec[], sizes: Readonly<Record<string, number>>): Shapes =>
  Object.fromEntries(
    specs.map(({ name, shape, dims }) => [
      name,
      shape.map((size, axis) =>
        size === -1 ? (sizes[dims[axis] ?? ''] ?? sizes[`${name}:${axis}`] ?? 1) : size,
      ),
    ]),
  );

/** Undefined where an input is of a kind that is not made up here; times are then counted. */
export function probeInputs(specs: readonly TensorSpec[], shapes: Shapes): Tensors | undefined {
  const random = seeded(1);
  const made: Record<string, Tensor> = {};
  for (const { name, datatype } of specs) {
    const dims = shapes[name] ?? [];
    const count = elementCount(dims);
    if (datatype === 'FP32') made[name] = float32(dims, random.normals(count, 1));
    else if (datatype === 'INT64') made[name] = int64(dims, Array<number>(count).fill(1));
    else return undefined;
  }
  return made;
}
