// A list in pages that fit a message: sorted by name, each page going on after the name that ended the one before. The catalog's lists
// are given so.

export interface Page<T> {
  readonly items: readonly T[];
  /** The last name of this page, when more follow. */
  readonly next: string | undefined;
}

/** Half of a server's default limit of 1 MiB: the reply has a frame, and a name may be longer in JSON. */
const PAGE_BYTES_MAX = 512 * 1_024;

/** `show` makes what is listed of an item, and undefined of one that is not. */
export function pageOf<S, T>(
  all: Iterable<S>,
  nameOf: (item: S) => string,
  show: (item: S) => T | undefined,
  after: string | undefined,
  bytesMax = PAGE_BYTES_MAX,
): Page<T> {
  const rest = [...all].filter((item) => after === undefined || nameOf(item) > after);
  rest.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const items: T[] = [];
  let bytes = 0;
  let last: string | undefined;
  for (const item of rest) {
    const shown = show(item);
    if (shown === undefined) continue;
    bytes += JSON.stringify(shown).length;
    if (bytes > bytesMax && items.length > 0) return { items, next: last };
    items.push(shown);
    last = nameOf(item);
  }
  return { items, next: undefined };
}
