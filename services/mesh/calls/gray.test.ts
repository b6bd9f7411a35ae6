// The policy of choosing replicas against gray failure, simulated: the real route and the real books on a fake clock, four replicas
// that serve one request at a time, Poisson arrivals. Times are simulated, so they may be asserted.
import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { Breakers } from '../breaker.js';
import { murmur3 } from '../murmur3.js';
import { seededRandom } from '../random.js';
import { ReplicaEntry } from '../routing/replica-entry.js';
import { route } from '../routing/route.js';
import { FakeClock } from '../testing/fake-clock.js';

const VERSION = 'a'.repeat(64);
const RUN_MS = 10;
const PER_SECOND = 120;
const TICK_MS = 1;

const endpoint: EndpointRecord = {
  name: 'ocr',
  model: 'ocr',
  variants: [{ version: VERSION, label: '1', weight: 10_000 }],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 4,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
};

type Illness = 'slow' | 'failing' | undefined;

interface Served {
  readonly replica: string;
  readonly atMs: number;
  readonly ms: number;
}

class Fleet {
  readonly served: Served[] = [];
  illness: Illness;
  private nowMs = 0;
  private nextMs = 0;
  private readonly freeAtMs = new Map<string, number>();
  private readonly ends: { atMs: number; land: () => void }[] = [];
  private readonly random = seededRandom(11);
  private readonly replicas: ReplicaEntry[];

  constructor(private readonly users = false) {
    // Its timers never fire: the breakers' own behaviour is tested beside them.
    const breakers = new Breakers(new FakeClock(), seededRandom(1));
    this.replicas = ['sick', 'b', 'c', 'd'].map((id) => {
      const replica = new ReplicaEntry(id, id, 'east', VERSION, murmur3(id), breakers);
      replica.link = 0;
      return replica;
    });
  }

  run(forMs: number, illness: Illness): this {
    this.illness = illness;
    const untilMs = this.nowMs + forMs;
    for (; this.nowMs < untilMs; this.nowMs += TICK_MS) {
      if (this.nowMs % 500 === 0)
        for (const replica of this.replicas) replica.report(report(replica.id), true, this.nowMs);
      if (this.nowMs % 100 === 0) for (const replica of this.replicas) replica.fade(this.nowMs);
      while (this.ends[0] && this.ends[0].atMs <= this.nowMs) this.ends.shift()?.land();
      while (this.nextMs <= this.nowMs) {
        this.nextMs += (-Math.log(1 - this.random()) * 1_000) / PER_SECOND;
        this.ask(this.nowMs, new Set());
      }
    }
    return this;
  }

  share(replica: string, fromMs: number, toMs = this.nowMs): number {
    const within = this.served.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return within.filter((one) => one.replica === replica).length / within.length;
  }

  p99(fromMs: number, toMs = this.nowMs): number {
    const ms = this.served.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map((one) => one.ms);
    return ms.toSorted((a, b) => a - b)[Math.ceil(ms.length * 0.99) - 1] ?? Number.NaN;
  }

  private ask(cameMs: number, exclude: Set<string>): void {
    const table = { region: 'east', endpoint: () => endpoint, replicas: () => this.replicas };
    const user = this.users ? `user-${Math.floor(this.random() * 1_000)}` : undefined;
    const decision = route(table, { endpoint: 'ocr', user, exclude, nowMs: this.nowMs }, this.random);
    if (decision.kind === 'refused') return;
    const replica = decision.replica as ReplicaEntry;
    const flight = replica.begin(0, this.nowMs, () => undefined);
    if (!flight) return;
    const { id } = replica;
    const sick = id === 'sick' ? this.illness : undefined;
    const beginMs = Math.max(this.nowMs, this.freeAtMs.get(id) ?? 0);
    const atMs = sick === 'failing' ? this.nowMs + 1 : beginMs + RUN_MS * (sick === 'slow' ? 20 : 1);
    if (sick !== 'failing') this.freeAtMs.set(id, atMs);
    const sentMs = this.nowMs;
    const land = () => {
      flight.end(sick === 'failing' ? 'failed' : 'succeeded', this.nowMs);
      this.served.push({ replica: id, atMs: sentMs, ms: this.nowMs - cameMs });
      if (sick === 'failing') this.ask(cameMs, new Set(exclude).add(id));
    };
    const at = this.ends.findIndex((end) => end.atMs > atMs);
    this.ends.splice(at < 0 ? this.ends.length : at, 0, { atMs, land });
  }
}

const report = (id: string) =>
  ({
    id,
    model: 'ocr',
    version: VERSION,
    state: 'ready',
    inFlight: 0,
    capacity: 200,
    latencyMs: RUN_MS,
    batchMax: 1,
    served: 0,
    failed: 0,
    epoch: 1,
  }) as const;

const FAIR = 1 / 4;

test.each(['slow', 'failing'] as const)(
  'a replica that turns %s has less than a twentieth of its fair share after two seconds, and all of it again when it is well',
  (illness) => {
    const fleet = new Fleet().run(10_000, undefined).run(60_000, illness);
    expect(fleet.share('sick', 0, 10_000)).toBeGreaterThan(FAIR * 0.7);
    expect(fleet.share('sick', 12_000)).toBeLessThan(FAIR * 0.05);
    expect(fleet.p99(12_000)).toBeLessThanOrEqual(fleet.p99(0, 10_000) * 1.5);
    fleet.run(90_000, undefined);
    expect(fleet.share('sick', 130_000)).toBeGreaterThan(FAIR * 0.7);
  },
);

test('users leave a slow replica for as long as it is slow, and come back', () => {
  const fleet = new Fleet(true).run(10_000, undefined).run(60_000, 'slow');
  expect(fleet.share('sick', 12_000)).toBeLessThan(FAIR * 0.2);
  fleet.run(90_000, undefined);
  expect(fleet.share('sick', 130_000)).toBeGreaterThan(FAIR * 0.7);
});
