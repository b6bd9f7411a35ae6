// Callers that each wait for their answer before they ask again, for a time. Benchmarks that compare paths side by side use it.
export type Call = (n: number) => Promise<unknown>;

/** A closed loop; returns requests per second and adds microseconds to the samples. */
export async function closedLoop(
  call: Call,
  depth: number,
  seconds: number,
  samples: number[],
): Promise<number> {
  const started = performance.now();
  const until = started + seconds * 1_000;
  let n = 0;
  await Promise.all(
    Array.from({ length: depth }, async () => {
      for (;;) {
        const from = performance.now();
        if (from >= until) return;
        await call(n++);
        samples.push((performance.now() - from) * 1_000);
      }
    }),
  );
  return (n / (performance.now() - started)) * 1_000;
}
