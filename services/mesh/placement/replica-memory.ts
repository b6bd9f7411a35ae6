// What a replica takes of a shard's memory, from the files of its version. Placement reserves that much wherever it places one.
import { isExternal } from '../../../contracts/manifest.js';
import type { Resource } from '../../../contracts/registry.js';

/** A session holds the verified file and the runtime's own copy of the weights, sometimes repacked. */
const HELD_TIMES = 2.5;
/** Weights beside the graph are mapped: there once, as pages of a file. 1.15 was measured of 2.5 GiB in eight stages. */
const MAPPED_TIMES = 1.2;

export const replicaMemory = (resources: readonly Pick<Resource, 'name' | 'bytes'>[]): number =>
  resources.reduce((sum, { name, bytes }) => sum + bytes * (isExternal(name) ? MAPPED_TIMES : HELD_TIMES), 0);
