// What an engine must know of a request that may come again: whether its caller chose the id, and how old a kept answer may be.
// Dispatcher and router write it; most requests need neither line.
import { headers } from '../../../contracts/headers.js';
import { headerLine } from '../header-block.js';

export interface Repeats {
  /** The caller chose the request id, so the answer is kept for a repetition. */
  readonly once: boolean;
  /** The caller wants no kept answer. */
  readonly uncached: boolean;
}

/** `cacheS` as the endpoint has it; undefined: it keeps no answers. */
export const repeatLines = ({ once, uncached }: Repeats, cacheS: number | undefined): string =>
  (once ? headerLine(headers.once, 1) : '') +
  (cacheS !== undefined && !uncached ? headerLine(headers.cache, cacheS) : '');
