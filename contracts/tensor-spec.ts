// What a model declares about one input or output, in the protocol's own terms.
import { z } from 'zod';

export const Datatype = z.enum([
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
  'BYTES',
]);
export type Datatype = z.infer<typeof Datatype>;

/** `shape` has -1 where a dimension is variable; `dims` keeps the symbolic names ('' where there is none). */
export const TensorSpec = z.object({
  name: z.string().min(1).max(4_096),
  datatype: Datatype,
  shape: z.array(z.int().min(-1)),
  dims: z.array(z.string()),
});
export type TensorSpec = z.infer<typeof TensorSpec>;
