// Builds what releases are made of: their store, what carries decisions out, the verbs, and a conductor for each leadership.
import { buckets } from '../../../contracts/buckets.js';
import { type ReleaseRecord, type ReleaseNotice } from '../../../contracts/release.js';
import { subjects } from '../../../contracts/subjects.js';
import type { MeshParts } from '../../mesh/mesh.module.js';
import { judge } from '../../mesh/statistics/judge.js';
import { BucketLog } from '../../mesh/bucket-log.js';
import type { Catalog } from '../catalog.js';
import type { CatalogState } from '../catalog-state.js';
import type { PlacementState } from '../placement-state.js';
import { CarryOut } from './carry-out.js';
import { Conductor } from './conductor.js';
import { ReleaseStates } from './release-state.js';
import { ReleaseStore } from './release-store.js';
import { Reported } from './reported.js';
import { Releases } from './releases.js';

interface Registry {
  readonly catalog: Catalog;
  readonly catalogLog: BucketLog;
  readonly catalogState: CatalogState;
  readonly placement: BucketLog;
  readonly placementState: PlacementState;
}

export interface OpenedReleases {
  readonly store: ReleaseStore;
  /** Stops listening to the evidence. */
  readonly close: () => void;
  readonly releases: Releases;
  readonly conductor: () => Conductor;
}

export async function openReleases(
  { config, bus, clock, random, log }: Pick<MeshParts, 'config' | 'bus' | 'clock' | 'random' | 'log'>,
  { catalog, catalogLog, catalogState, placement, placementState }: Registry,
): Promise<OpenedReleases> {
  const states = new ReleaseStates(log);
  const store = new ReleaseStore({
    log: await BucketLog.open(bus, buckets.releases(config.region), states),
    states,
    journal: await bus.kv(buckets.journals(config.region), { create: { history: 1 } }),
    written: (record) => {
      const { id, state, step, last } = record;
      log.info('release.decided', { id, event: last.event.type, state, step, by: last.by, why: last.why });
      bus.nc.publish(subjects.releaseEvents(), JSON.stringify(noticeOf(record)));
    },
  });
  const reported = new Reported(clock);
  const stopListening = reported.listen(bus, log);
  const carryOut = new CarryOut({ log: catalogLog, state: catalogState, clock });
  return {
    store,
    close: stopListening,
    releases: new Releases({ store, catalog, carryOut, reported, regions: config.regions, clock }),
    conductor: () =>
      new Conductor({
        bus,
        store,
        carryOut,
        catalog: catalogLog,
        catalogState,
        placement,
        placementState,
        judge,
        clock,
        random,
        log,
      }),
  };
}

function noticeOf({ id, endpoint, plan, last }: ReleaseRecord): ReleaseNotice {
  const { seq, at, by, why, event, from, to, step } = last;
  const arms = plan.arms.map(({ arm, version, label, weight }) => ({ arm, version, label, weight }));
  return { release: id, endpoint, seq, at, by, why, event: event.type, from, to, step, arms };
}
