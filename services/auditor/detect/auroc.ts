// How well a score tells abnormal from normal: the chance that a normal one scores higher than an abnormal one (Mann and Whitney, 1947;
// ties count half). Scores are chosen by it.

export function auroc(normal: readonly number[], abnormal: readonly number[]): number {
  const all = [
    ...normal.map((value) => ({ value, own: 1 })),
    ...abnormal.map((value) => ({ value, own: 0 })),
  ];
  all.sort((a, b) => a.value - b.value);
  let sum = 0;
  for (let i = 0; i < all.length;) {
    let end = i;
    while (end < all.length && all[end]?.value === all[i]?.value) end++;
    for (let k = i; k < end; k++) if (all[k]?.own === 1) sum += (i + end + 1) / 2;
    i = end;
  }
  const n = normal.length;
  return (sum - (n * (n + 1)) / 2) / (n * abnormal.length);
}
