// Of a span of time the part that has passed: 0 now, 1 at its end. Searches cool down along it, and leave out what there is no time for.
// Whoever plans against the clock leans on it.

/** Asked now and then. */
export type TimeShare = () => number;

/** `endsMs` on the clock of `performance`; a span that has ended counts as a millisecond. */
export function timeShareUntil(endsMs: number): TimeShare {
  const beganMs = performance.now();
  const spanMs = Math.max(1, endsMs - beganMs);
  return () => (performance.now() - beganMs) / spanMs;
}
