// Hears every plan of an endpoint's releases as it is published, and holds answers against them: which version answered how long
// after it had lost its last share.
import type { NatsConnection } from '@nats-io/transport-node';
import type { DrillMesh } from './harness.js';
import { ReleaseNotice } from '../contracts/release.js';
import { subjects } from '../contracts/subjects.js';
import { WEIGHT_TOTAL } from '../contracts/traffic.js';

interface Plan {
  readonly atMs: number;
  /** Labels with a share. */
  readonly serving: ReadonlySet<string>;
}

export class WeightWatch {
  private readonly heard: Plan[] = [];
  private readonly ids = new Set<string>();
  private readonly answers: { readonly label: string; readonly atMs: number }[] = [];
  readonly wrong: string[] = [];

  static async open(mesh: DrillMesh, endpoint: string): Promise<WeightWatch> {
    return new WeightWatch(await mesh.nats('operator'), endpoint);
  }

  private constructor(
    private readonly nc: NatsConnection,
    endpoint: string,
  ) {
    nc.subscribe(subjects.releaseEvents(), {
      callback: (_error, message) => {
        const notice = ReleaseNotice.parse(message.json());
        if (notice.endpoint === endpoint) this.take(notice);
      },
    });
  }

  get plans(): number {
    return this.heard.length;
  }

  get releases(): number {
    return this.ids.size;
  }

  answered(label: string, atMs: number): void {
    this.answers.push({ label, atMs });
  }

  /** Answers of a version that had had no share for so long. */
  late(ms: number): number {
    return this.delays().filter((delay) => delay > ms).length;
  }

  latestMs(): number {
    return Math.max(0, ...this.delays().slice(-1));
  }

  async close(): Promise<void> {
    await this.nc.close();
  }

  private take({ release, seq, at, arms }: ReleaseNotice): void {
    const total = arms.reduce((sum, { weight }) => sum + weight, 0);
    if (total !== WEIGHT_TOTAL) this.wrong.push(`${release} ${seq}: the weights add up to ${total}`);
    this.ids.add(release);
    const serving = new Set(arms.filter(({ weight }) => weight > 0).map(({ label }) => label));
    this.heard.push({ atMs: Date.parse(at), serving });
  }

  /** Of answers without a share, ascending. */
  private delays(): number[] {
    const delays: number[] = [];
    const plans = this.heard.toSorted((a, b) => a.atMs - b.atMs);
    let index = -1;
    for (const { label, atMs } of this.answers.toSorted((a, b) => a.atMs - b.atMs)) {
      while ((plans[index + 1]?.atMs ?? Infinity) <= atMs) index++;
      let last = index;
      while (last >= 0 && !plans[last]?.serving.has(label)) last--;
      const lost = plans[last + 1];
      // Before the first plan nobody said anything of shares.
      if (last >= 0 && last < index && lost) delays.push(atMs - lost.atMs);
    }
    return delays.sort((a, b) => a - b);
  }
}
