// What people do by hand: a z-test of two proportions at 5 %, one-sided, looked at again and again. Its 5 % hold for one look.

export class NaiveZ {
  private readonly counts = { stable: { n: 0, failed: 0 }, canary: { n: 0, failed: 0 } };

  call(arm: string, failed: boolean): void {
    const counts = arm === 'canary' ? this.counts.canary : this.counts.stable;
    counts.n++;
    if (failed) counts.failed++;
  }

  get alarm(): boolean {
    const { stable, canary } = this.counts;
    const n = stable.n + canary.n;
    const pooled = (stable.failed + canary.failed) / n;
    const variance = pooled * (1 - pooled) * (1 / stable.n + 1 / canary.n);
    if (!(variance > 0)) return false;
    return (canary.failed / canary.n - stable.failed / stable.n) / Math.sqrt(variance) > 1.645;
  }
}
