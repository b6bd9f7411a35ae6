// Waits for a state, never for a time: `const holder = await waitUntil('a shard holds it', () => find(...))`.

const POLL_MS = 10;

/** The first truthy value of `predicate` (a throw counts as not yet); after `timeoutMs` an error that says the sentence. */
export async function waitUntil<T>(
  sentence: string,
  predicate: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<Exclude<T, false | 0 | '' | null | undefined>> {
  const until = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      last = undefined;
      const value = await predicate();
      if (value) return value as Exclude<T, false | 0 | '' | null | undefined>;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until)
      throw new Error(`waited ${timeoutMs} ms in vain until ${sentence}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
