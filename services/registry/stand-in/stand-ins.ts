// Sees to it that an endpoint whose version is withheld answers again: a release in the middle is taken back, and where nobody is left the last
// good version takes the arm over. In the leading registry; it looks at what is, so a new leader finds what the last one left to do.
import { keys } from '../../../contracts/buckets.js';
import type { EndpointRecord, VersionQuery, VersionRecord } from '../../../contracts/registry.js';
import type { SuccessorReply } from '../../../contracts/verdict.js';
import type { BucketLog } from '../../mesh/bucket-log.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { OrdersOn } from '../../mesh/trust/orders-on.js';
import type { TellAudit } from '../../mesh/tell-audit.js';
import { Wake } from '../../mesh/calls/wake.js';
import type { CatalogState } from '../catalog-state.js';
import { resolveVersion } from '../resolve.js';
import type { Releases } from '../release/releases.js';
import type { ReleaseStore } from '../release/release-store.js';
import { alsoWithout, isSilenced, lastGood, withStandIn } from './last-good.js';

export interface StandInsParts {
  readonly catalogLog: BucketLog;
  readonly state: CatalogState;
  readonly orders: OrdersOn & { readonly withholdsVersions: boolean };
  readonly store: Pick<ReleaseStore, 'refresh' | 'states'>;
  readonly releases: Pick<Releases, 'abort'>;
  /** Throws for a version that may not run there. */
  readonly gate: (version: VersionRecord, regions: readonly string[] | undefined) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: TellAudit;
}

// Orders and writes nudge; this look is for what was missed.
const LOOK_EVERY_MS = 10_000;
const WHO = 'registry, for an order of safety';

export class StandIns {
  private readonly wake: Wake;

  constructor(private readonly parts: StandInsParts) {
    this.wake = new Wake(parts.clock);
  }

  nudge(): void {
    this.wake.nudge();
  }

  /** Until the signal ends it; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const mark = this.wake.mark();
      try {
        await this.look(signal);
      } catch (error) {
        if (!signal.aborted) this.parts.log.warn('stand-in.waiting', errorFields(error));
      }
      await this.wake.sleep(LOOK_EVERY_MS, mark, signal);
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const { catalogLog, state, orders, store } = this.parts;
    if (!orders.withholdsVersions) return;
    await catalogLog.refresh();
    for (const endpoint of Array.from(state.endpoints.values())) {
      signal.throwIfAborted();
      const held = endpoint.variants.find(({ version }) => orders.version(version) !== undefined);
      if (!held) continue;
      const why = orders.version(held.version) ?? '';
      await store.refresh();
      const active = store.states.activeAt(endpoint.name);
      if (active && active.state !== 'aborting') {
        const { log, releases } = this.parts;
        log.warn('stand-in.release.aborted', { release: active.id, label: held.label, why });
        await releases.abort({ id: active.id, by: WHO, why: `${held.label} is withheld: ${why}` });
      }
      if (isSilenced(state.endpoints.get(endpoint.name) ?? endpoint, orders))
        await this.standIn(endpoint.name, why);
    }
  }

  /** Who would answer if this version were withheld as well. */
  async successors({ model, version }: VersionQuery): Promise<SuccessorReply> {
    const { catalogLog, state } = this.parts;
    await catalogLog.refresh();
    const { digest } = resolveVersion(state.model(model), version);
    const orders = alsoWithout(digest, this.parts.orders);
    const uses = [...state.endpoints.values()].filter(({ variants }) =>
      variants.some((one) => one.version === digest && one.weight > 0),
    );
    return {
      endpoints: uses.map((endpoint) => {
        const other = endpoint.variants.find(
          (one) => one.weight > 0 && orders.version(one.version) === undefined,
        );
        return {
          endpoint: endpoint.name,
          successor: (other ?? this.goodFor(endpoint, orders))?.label ?? null,
        };
      }),
    };
  }

  private async standIn(name: string, why: string): Promise<void> {
    const { catalogLog, state, orders, clock, log, tell } = this.parts;
    const done = await catalogLog.transact(() => {
      const endpoint = state.endpoints.get(name);
      if (!endpoint || !isSilenced(endpoint, orders)) return { result: undefined };
      const good = this.goodFor(endpoint);
      if (!good) return { result: undefined };
      const value = withStandIn(endpoint, good, orders, clock.now());
      return { change: { key: keys.endpoint(name), value }, result: { before: endpoint, good } };
    });
    if (!done) {
      log.error('stand-in.missing', { endpoint: name, why });
      return;
    }
    const { before, good } = done;
    const from = before.variants.map(({ label }) => label).join();
    log.warn('stand-in.serves', { endpoint: name, from, to: good.label, why });
    tell({
      who: WHO,
      action: 'endpoint.last-good',
      about: { endpoint: name, from, to: good.label, version: good.digest },
      outcome: 'done',
      why,
    });
    await this.moveStable(before, good);
  }

  private goodFor(endpoint: EndpointRecord, orders: OrdersOn = this.parts.orders): VersionRecord | undefined {
    const { state, gate } = this.parts;
    const known = lastGood(
      state.model(endpoint.model).versions.values(),
      (version) => orders.version(version) !== undefined,
    );
    return known.find((version) => {
      try {
        gate(version, endpoint.placement?.regions);
        return true;
      } catch {
        return false; // no longer approved, or revoked: the one before it
      }
    });
  }

  /** Who asks for `stable` must not be given what is withheld. */
  private moveStable({ model, variants }: EndpointRecord, good: VersionRecord): Promise<void> {
    const { catalogLog, state } = this.parts;
    return catalogLog.transact(() => {
      const stable = state.model(model).aliases.get('stable');
      if (!variants.some(({ version }) => version === stable)) return { result: undefined };
      const value = { model, alias: 'stable', version: good.digest };
      return { change: { key: keys.alias(model, 'stable'), value }, result: undefined };
    });
  }
}
