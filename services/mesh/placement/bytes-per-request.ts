// How much crosses a link with one request, as far as a version's declared shapes tell: variable dimensions count once, text is not
// counted. The placement policies price links by it.
import type { VersionRecord } from '../../../contracts/registry.js';
import { ARRAYS } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';

export const bytesPerRequest = ({ inputs, outputs }: Pick<VersionRecord, 'inputs' | 'outputs'>): number =>
  [...inputs, ...outputs].reduce((sum, spec) => sum + bytesOf(spec), 0);

function bytesOf({ datatype, shape }: TensorSpec): number {
  if (datatype === 'BYTES') return 0;
  return shape.reduce((count, dim) => count * Math.abs(dim), 1) * ARRAYS[datatype].BYTES_PER_ELEMENT;
}
