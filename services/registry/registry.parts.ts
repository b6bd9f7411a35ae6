// Builds what the registry is made of, from the mesh's parts, in the order in which one needs the other. The module hands these to
// the controller and to Nest's life cycle.
import { buckets } from '../../contracts/buckets.js';
import { Failure } from '../../contracts/errors.js';
import { LinksReply } from '../../contracts/links.js';
import { Heartbeat } from '../../contracts/heartbeat.js';
import type { Link } from '../../contracts/placement.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import { tellAudit } from '../mesh/tell-audit.js';
import { openHomeBuckets } from '../mesh/kv-mirror.js';
import { Leases } from '../mesh/lease.js';
import { OrderBook } from '../mesh/trust/order-book.js';
import { OverrideWatch } from '../mesh/trust/override-watch.js';
import type { MeshParts } from '../mesh/mesh.module.js';
import { ConfigError } from '../mesh/service-config.js';
import { seenPathOf, TrustFiles } from '../mesh/trust/trust-files.js';
import { passGate } from '../mesh/trust/gate.js';
import type { VersionRecord } from '../../contracts/registry.js';
import { Admission } from './admission.js';
import { Approvals } from './approvals.js';
import { ArtifactStore } from './artifact-store.js';
import { BucketLog } from '../mesh/bucket-log.js';
import { Catalog } from './catalog.js';
import { CatalogState } from './catalog-state.js';
import { Duties } from './duties.js';
import { Leadership } from '../mesh/leadership.js';
import { LifeKeeper } from './lifecycle/life-keeper.js';
import { Lifecycles } from './lifecycle/lifecycles.js';
import { tellOn } from './lifecycle/told.js';
import { ObjectBucket } from './object-bucket.js';
import { KnownWeights } from './known-weights.js';
import { KnownLinks } from './known-links.js';
import { PlacementState } from './placement-state.js';
import { Pipelines } from './pipelines.js';
import { Placer } from './placer.js';
import { Planners } from '../mesh/placement/planners.js';
import { Pins } from './pins.js';
import { Pusher } from './push.js';
import { readRegistryConfig } from './registry.config.js';
import { openReleases } from './release/release.parts.js';
import type { Releases } from './release/releases.js';
import { Scaled } from './scaled.js';
import { Replicator } from './replicator.js';
import { StandIns } from './stand-in/stand-ins.js';
import { Sweeper } from './sweeper.js';

const INSPECT_MS_MAX = 2_000;
const LINKS_MS_MAX = 2_000;

export type RegistryMesh = Omit<MeshParts, 'endpoints'>;

export interface RegistryParts {
  readonly catalog: Catalog;
  readonly pipelines: Pipelines;
  readonly pins: Pins;
  readonly approvals: Approvals;
  readonly releases: Releases;
  readonly lifecycles: Lifecycles;
  readonly pusher: Pusher;
  readonly planner: Planners;
  readonly trust: TrustFiles;
  readonly leadership: Leadership;
  readonly duties: Duties;
  readonly standIns: StandIns;
  readonly stopListening: () => void;
}

export async function openRegistry(mesh: RegistryMesh): Promise<RegistryParts> {
  const { config, bus, consul, clock, random, log } = mesh;
  // It writes on the condition that nothing changed, and only the bucket itself can judge that, no mirror.
  if (config.region !== config.homeRegion)
    throw new ConfigError(
      `MASSIF_REGION must be the home region "${config.homeRegion}" for a registry, got "${config.region}".`,
    );
  const { collectAfterMs, links } = readRegistryConfig();
  await openHomeBuckets(bus, config.homeRegion, clock);

  const state = new CatalogState(log);
  const catalogLog = await BucketLog.open(bus, buckets.catalog(config.region), state);
  const told = tellOn(bus);
  const admission = new Admission({ log: catalogLog, state, clock, told });
  const artifacts = await ArtifactStore.open(bus, { bucket: buckets.artifacts(config.region) });
  const uploads = await ObjectBucket.open(bus, { bucket: buckets.uploads(config.region) });
  const trust = await TrustFiles.open({ dir: config.keysDir, seenPath: seenPathOf(config), clock, log });
  const gate = (version: VersionRecord, regions: readonly string[] | undefined): void => {
    for (const region of regions ?? config.regions)
      passGate(version, trust.current(), { nowMs: clock.now(), region });
  };
  const catalog = new Catalog({ log: catalogLog, state, clock, random, gate, regions: config.regions });
  const inspect = inspectOn(bus);
  const pins = new Pins({ log: catalogLog, state, clock, inspect });
  const pipelines = new Pipelines({ log: catalogLog, state, clock });
  const approvals = new Approvals({ log: catalogLog, state, policy: trust, clock });
  const weights = await KnownWeights.open(bus, config.region, tellAudit(bus, config.instance, clock), log);
  const pusher = new Pusher({ catalog, admission, uploads, artifacts, policy: trust, clock, weights });

  const placementState = new PlacementState(log);
  const placement = await BucketLog.open(bus, buckets.placement(config.region), placementState);
  const opened = await openReleases(mesh, {
    catalog,
    catalogLog,
    catalogState: state,
    placement,
    placementState,
  });
  const { store } = opened;
  const following = new AbortController();
  const scaled = new Scaled();
  await scaled.follow(bus, config.homeRegion, following.signal, { clock, log });
  const planner = new Planners();
  const orders = new OrderBook();
  const places = config.regions.map((region) => ({ bus, region }));
  const overrides = new OverrideWatch({ places, book: orders, trust, clock, log });
  const standIns = new StandIns({
    catalogLog,
    state,
    orders,
    store,
    releases: opened.releases,
    gate,
    clock,
    log,
    tell: tellAudit(bus, config.instance, clock),
  });
  const duties = new Duties({
    placer: openPlacers(mesh, { catalog, placement, planner, links }, placementState, scaled),
    conductor: opened.conductor,
    keeper: new LifeKeeper({ catalogLog, state, releases: store, collectAfterMs, clock, log, told, orders }),
    replicator: openReplicator(mesh, admission, artifacts),
    sweeper: new Sweeper({ admission, artifacts, clock, log }),
    standIns,
    clock,
    log,
  });
  let { placing } = state;
  catalogLog.onChange(() => {
    duties.nudge();
    if (state.placing !== placing) duties.nudgePlacer();
    placing = state.placing;
  });
  orders.onChange(() => duties.nudge());
  scaled.onChange(() => duties.nudgePlacer());
  const leadership = new Leadership({
    leases: new Leases({
      agent: consul,
      epochs: await bus.kv(buckets.leases(config.homeRegion)),
      instance: config.instance,
      service: 'registry',
      clock,
      log,
    }),
    lease: 'registry',
    duties: (epoch, signal) => duties.begin(epoch, signal),
    clock,
    log,
  });
  const lifecycles = new Lifecycles({ log: catalogLog, state, releases: store, clock, told });
  const { releases } = opened;
  const stopListening = (): void => {
    following.abort();
    overrides.close();
    opened.close();
  };
  return {
    catalog,
    pipelines,
    pins,
    approvals,
    releases,
    lifecycles,
    pusher,
    planner,
    trust,
    leadership,
    duties,
    standIns,
    stopListening,
  };
}

function openPlacers(
  mesh: RegistryMesh,
  {
    catalog,
    placement,
    planner,
    links,
  }: { catalog: Catalog; placement: BucketLog; planner: Planners; links: readonly Link[] },
  state: PlacementState,
  scaled: Scaled,
): () => Placer {
  const { config, bus, discovery, clock, random, log, metrics } = mesh;
  const unplaced = metrics.gauge('massif_placement_unplaced', {
    help: 'Versions for which no shard of a region has room.',
  });
  const ask = (region: string): Promise<LinksReply> =>
    bus.request(subjects.links(region), LinksReply, {}, { timeoutMs: LINKS_MS_MAX });
  const known = new KnownLinks(config.regions, links, ask);
  return () =>
    new Placer({
      links: known,
      tell: tellAudit(bus, config.instance, clock),
      planning: planner.plan,
      bus,
      discovery,
      regions: config.regions,
      placement,
      state,
      wanting: (anew) => catalog.wanting(() => scaled.endpoints(), anew),
      scaled,
      clock,
      random,
      log,
      unplaced: (count) => unplaced.set({}, count),
    });
}

/** The shard's own word for what it is. */
const inspectOn =
  (bus: Bus) =>
  async (shard: string): Promise<Heartbeat | undefined> => {
    try {
      return await bus.request(
        subjects.shardControl(shard, 'inspect'),
        Heartbeat,
        {},
        { timeoutMs: INSPECT_MS_MAX },
      );
    } catch (error) {
      // Nobody of that name, or nobody who answers: for those who ask it is the same.
      if (error instanceof Failure) return undefined;
      throw error;
    }
  };

function openReplicator(mesh: RegistryMesh, admission: Admission, home: ArtifactStore): Replicator {
  const { config, bus, clock, random, log, metrics } = mesh;
  const missing = metrics.gauge('massif_replication_missing', {
    help: 'Artifacts that a region does not have yet.',
    labels: ['target'],
  });
  return new Replicator({
    home,
    regions: config.regions.filter((region) => region !== config.homeRegion),
    open: (region) => ArtifactStore.open(bus, { bucket: buckets.artifacts(region), domain: region }),
    wanted: () => admission.referenced(),
    clock,
    random,
    log,
    missing: (region, count) => missing.set({ target: region }, count),
  });
}
