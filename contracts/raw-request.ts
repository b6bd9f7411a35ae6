// A raw request (JSON length 0): the body is the bytes of the model's only input, its shape follows from the model's metadata.
import { failure } from './errors.js';
import { quote } from './quote.js';
import { ARRAYS, elementCount, fromBlob, type Tensor } from './tensor.js';
import type { TensorSpec } from './tensor-spec.js';

export function readRawRequest(bytes: Uint8Array, inputs: readonly TensorSpec[] | undefined): Tensor {
  const [spec, ...others] = inputs ?? [];
  if (!spec || others.length > 0) {
    const names = (inputs ?? []).map(({ name }) => quote(name)).join(', ');
    throw failure(
      'BAD_REQUEST',
      `A raw request needs a model with one input; this one has ${names || 'none known here'}.`,
    );
  }
  const { name, datatype } = spec;
  // The batch is one; what else is variable must follow from the size alone.
  const shape = spec.shape.map((dimension, axis) => (dimension === -1 && axis === 0 ? 1 : dimension));
  const variable = shape.indexOf(-1);
  if (variable !== shape.lastIndexOf(-1)) {
    throw failure(
      'BAD_REQUEST',
      `A raw request cannot tell the shape of ${quote(name)}: two of its dimensions are variable.`,
    );
  }
  if (datatype === 'BYTES') {
    if (variable !== -1) shape[variable] = 1;
    if (elementCount(shape, name) !== 1) {
      throw failure(
        'BAD_REQUEST',
        `A raw request carries one BYTES element; ${quote(name)} takes [${shape.join(',')}].`,
      );
    }
    return { name, datatype, shape, data: [bytes] };
  }
  if (variable !== -1) {
    const row = elementCount(shape.toSpliced(variable, 1), name) * ARRAYS[datatype].BYTES_PER_ELEMENT;
    if (row === 0 || bytes.length % row !== 0) {
      throw failure(
        'BAD_REQUEST',
        `The body's ${bytes.length} bytes are no whole number of rows of ${row} bytes for ${quote(name)}.`,
      );
    }
    shape[variable] = bytes.length / row;
  }
  return { name, datatype, shape, data: fromBlob(name, datatype, elementCount(shape, name), bytes) };
}
