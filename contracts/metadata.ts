// What the protocol's metadata says of an endpoint; REST answers with it under /v2/models, and massif.metadata with the same bytes.
import { z } from 'zod';

/** Of a version by label or digest; of the one that gets the most traffic when none is named. */
export const MetadataRequest = z.object({ version: z.string().max(64).optional() });
export type MetadataRequest = z.infer<typeof MetadataRequest>;

const TensorMetadata = z.object({
  name: z.string(),
  datatype: z.string(),
  /** -1: may vary. */
  shape: z.array(z.int()).readonly(),
});

export const ModelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(TensorMetadata),
  outputs: z.array(TensorMetadata),
  properties: z.record(z.string(), z.string()),
});
export type ModelMetadata = z.infer<typeof ModelMetadata>;
