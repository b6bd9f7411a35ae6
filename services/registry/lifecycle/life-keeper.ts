// Sees to the moves of versions that nobody asks for, in the leading registry: staged, live and deprecated follow the endpoints, archived
// versions give up their files after a while, pushes that were cut off are forgotten. It looks at what is, so a keeper that takes
// over finds what the last one had left to do.
import { keys, UPLOAD_TTL_MS } from '../../../contracts/buckets.js';
import type { Digest } from '../../../contracts/names.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import type { BucketLog, Decision } from '../../mesh/bucket-log.js';
import type { CatalogState } from '../catalog-state.js';
import type { ReleaseStore } from '../release/release-store.js';
import type { OrdersOn } from '../../mesh/trust/orders-on.js';
import { Wake } from '../../mesh/calls/wake.js';
import { collectable, neededBy } from './collect.js';
import { recorded } from './moves.js';
import { dueMove, usesOf } from './settle.js';
import type { Told } from './told.js';

export interface LifeKeeperParts {
  readonly catalogLog: BucketLog;
  readonly state: CatalogState;
  readonly releases: Pick<ReleaseStore, 'refresh' | 'states'>;
  /** Files of an archived version are kept for so long at least. */
  readonly collectAfterMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly told: Told;
  /** Where a version that retires was withheld, its history says why. */
  readonly orders?: Pick<OrdersOn, 'version'>;
}

// Writes nudge the keeper; this look is for what only time brings.
const LOOK_EVERY_MS = 60_000;
// A deployment and the release behind it are a burst of writes: one look after them is enough.
const GATHER_MS = 250;

export class LifeKeeper {
  private readonly wake: Wake;

  constructor(private readonly parts: LifeKeeperParts) {
    this.wake = new Wake(parts.clock);
  }

  nudge(): void {
    this.wake.nudge();
  }

  /** Until the signal ends it; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    let troubled = false;
    while (!signal.aborted) {
      await clock.sleep(GATHER_MS, signal).catch(() => undefined);
      const mark = this.wake.mark();
      try {
        await this.look(signal);
        troubled = false;
      } catch (error) {
        if (!troubled && !signal.aborted) log.warn('lifecycle.waiting', errorFields(error));
        troubled = true;
      }
      await this.wake.sleep(LOOK_EVERY_MS, mark, signal);
    }
  }

  /** Makes every move that is due; how many. Those that could not be made are due again. */
  async look(signal: AbortSignal): Promise<number> {
    const { catalogLog, state, releases } = this.parts;
    await catalogLog.refresh();
    let moves = 0;
    const touched = [...state.touched];
    for (const model of touched) {
      signal.throwIfAborted();
      state.touched.delete(model);
      try {
        for (const { digest } of this.unsettled(model)) if (await this.settle(digest)) moves++;
      } catch (error) {
        state.touched.add(model);
        throw error;
      }
    }
    if ([...state.versions()].some(isArchived)) {
      await releases.refresh();
      for (const { digest } of this.leaving()) {
        signal.throwIfAborted();
        if (await this.collect(digest)) moves++;
      }
    }
    for (const key of this.forgotten()) {
      signal.throwIfAborted();
      await catalogLog.transact(() => ({
        ...(this.forgotten().includes(key) && { change: { key, value: undefined } }),
        result: undefined,
      }));
    }
    return moves;
  }

  private unsettled(model: string): VersionRecord[] {
    const { state } = this.parts;
    const uses = usesOf(state.endpointsOf(model));
    const versions = state.models.get(model)?.versions.values() ?? [];
    return [...versions].filter(({ digest, state: now }) => dueMove(now, uses.get(digest)));
  }

  private async settle(digest: Digest): Promise<boolean> {
    const { catalogLog, state, clock, log, told } = this.parts;
    const moved = await catalogLog.transact((): Decision<VersionRecord | undefined> => {
      const record = state.version(digest);
      const due = record && dueMove(record.state, usesOf(state.endpointsOf(record.model)).get(digest));
      if (!due) return { result: undefined };
      const value = recorded(record, due.type, {
        by: this.who(due.release),
        why: this.why(digest, due.why),
        atMs: clock.now(),
      });
      return { change: { key: keys.version(value.model, digest), value }, result: value };
    });
    if (!moved) return false;
    const { model, label, moves } = moved;
    log.info('version.moved', { model, label, ...moves.at(-1) });
    told(moved, moves.slice(-1));
    return true;
  }

  private why(digest: Digest, why: string): string {
    const held = this.parts.orders?.version(digest);
    return held === undefined ? why : `${why}; ${held}`;
  }

  private who(release: string | undefined): string {
    if (release === undefined) return 'deploy';
    const owner = this.parts.releases.states.find(release)?.owner;
    return owner === undefined ? `release ${release}` : `${owner} (release ${release})`;
  }

  private leaving(): VersionRecord[] {
    const { state, releases, collectAfterMs, clock } = this.parts;
    const aliases = [...state.models.values()].flatMap((model) => [...model.aliases.values()]);
    const needed = neededBy({
      endpoints: state.endpoints.values(),
      aliases,
      releases: releases.states.active(),
    });
    return collectable(state.versions(), needed, { nowMs: clock.now(), afterMs: collectAfterMs });
  }

  private collect(digest: Digest): Promise<boolean> {
    const { catalogLog, clock, log } = this.parts;
    return catalogLog.transact(() => {
      const record = this.leaving().find((one) => one.digest === digest);
      if (!record) return { result: false };
      const value: VersionRecord = { ...record, collectedAt: new Date(clock.now()).toISOString() };
      log.info('version.collected', { model: value.model, label: value.label, bytes: value.bytes });
      return { change: { key: keys.version(value.model, digest), value }, result: true };
    });
  }

  /** Pushes that came to their end, and those whose upload is forgotten by now. */
  private forgotten(): string[] {
    const { state, clock } = this.parts;
    return state
      .submissions()
      .filter(({ digest, at }) => {
        const version = state.version(digest);
        const there = version !== undefined && version.state !== 'archived';
        return there || clock.now() - Date.parse(at) >= UPLOAD_TTL_MS;
      })
      .map(({ model, digest }) => keys.submission(model, digest));
  }
}

const isArchived = ({ state, collectedAt }: VersionRecord): boolean =>
  state === 'archived' && collectedAt === undefined;
