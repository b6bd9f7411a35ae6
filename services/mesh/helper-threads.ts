// The flag for every Node process of a mesh: how many threads V8 has beside the loop for collecting and compiling. Node gives each process four,
// whatever the machine: on two cores one collection of one process kept both from everybody else for 50 to 100 ms, a hot model's calls included.
import { availableParallelism } from 'node:os';

/** What Node gives. */
const HELPERS_MAX = 4;

/** One core stays for the loops. */
export const helperThreads = (cores = availableParallelism()): string =>
  `--v8-pool-size=${Math.max(1, Math.min(HELPERS_MAX, cores - 1))}`;
