// Kills the registry that conducts releases after every decision of every strategy. Whatever was written last must go on: the release
// ends as it should, its journal replays to the same decisions, at every moment the endpoint's weights add up and one plan is in force.
import { setTimeout as sleep } from 'node:timers/promises';
import { Kvm } from '@nats-io/kv';
import type { MassifClient, Releases } from '../../client/mod.js';
import { buckets, keys } from '../../contracts/buckets.js';
import { Failure } from '../../contracts/errors.js';
import { EndpointRecord } from '../../contracts/registry.js';
import { ENDED, type ReleaseRecord, type ReleaseState } from '../../contracts/release.js';
import { replay } from '../../services/mesh/release/replay.js';
import { judge } from '../../services/mesh/statistics/judge.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { type DrillMesh, eventually, startMesh, stateFileOf, type Target } from '../harness.js';
import { type Drill, promise } from '../promises.js';
import { pushVersions } from '../push-versions.js';
import { type Scenario, scenarios } from '../release-scenarios.js';
import { OpenRunbook } from '../runbook.js';

const ENDPOINT = 'mlp';
const LABELS = ['1', '2', '3'];
const HOLD_MS = 300;
const WITHIN_MS = 180_000;
/** Kills in one release; the short form leaves the later steps to the others. */
const KILLS_MAX = { ci: 3, quick: 8, full: 100 } as const;
/** The short form plays one release of a strategy that goes through loading, switching and draining. */
const CI = 'immediate';

export const drill: Drill = async ({ form, seed, log }) => {
  const names = new Set<string>();
  await using mesh = await startMesh({ shardsPerRegion: 1, apart: true });
  await mesh.publish(ENDPOINT, [{ name: 'model.onnx', bytes: mlp(1, 16) }], 1);
  await using client = await mesh.client({ mode: 'routed' });
  await pushVersions(
    mesh,
    client,
    ENDPOINT,
    new Map([
      ['2', mlp(2, 16)],
      ['3', mlp(3, 16)],
    ]),
  );
  const seen = await PlanWatch.open(mesh);

  const wrong: string[] = [];
  let kills = 0;
  let serving = '1';
  const plays = scenarios({ endpoint: ENDPOINT, holdMs: HOLD_MS, form: 'full' })
    .map((make) => (now: string) => make(now, LABELS[LABELS.indexOf(now) + 1] ?? '1'))
    // Verdicts need traffic, which the drill releases has.
    .filter((make) => make('1').spec.analysis === undefined)
    .filter((make) => form !== 'ci' || make('1').name === CI);
  for (const make of plays) {
    const scenario = make(serving);
    names.add(scenario.name);
    const played = await play(scenario, mesh, client, seen, KILLS_MAX[form]);
    kills += played.kills;
    log(`${scenario.name}: ${played.kills} kills, ${played.state}`);
    if (played.difference === undefined) serving = scenario.serves;
    else wrong.push(`${scenario.name}: ${played.difference}`);
  }
  const last = await client.releases.list({ endpoint: ENDPOINT });
  const runbook = await OpenRunbook.open('release-crash', {
    MASSIF_STATE: stateFileOf(mesh.topology),
    ENDPOINT,
    RELEASE: last[0]?.id ?? '',
  });
  await runbook.run();
  await seen.close();
  for (const text of [...wrong, ...seen.wrong, ...runbook.failed]) log(text);
  return {
    requests: 0,
    failed: 0,
    attempts: 0,
    promises: [
      promise('kills of the conducting registry', kills, '>=', plays.length, 'kills'),
      promise('releases that ended otherwise than they should', wrong.length, '==', 0, 'releases'),
      promise('plans seen in force', seen.plans, '>=', plays.length * 2, 'plans'),
      promise('plans whose weights do not add up, or that go back', seen.wrong.length, '==', 0, 'plans'),
      promise('moments with more than one release of the endpoint going on', seen.twice, '==', 0, 'moments'),
      promise('runbook blocks that failed', runbook.failed.length, '==', 0, 'blocks'),
    ],
    results: { seed, strategies: [...names] },
  };
};

interface Played {
  readonly kills: number;
  readonly state: string;
  readonly difference?: string;
}

async function play(
  scenario: Scenario,
  mesh: DrillMesh,
  client: MassifClient,
  seen: PlanWatch,
  killsMax: number,
): Promise<Played> {
  const releases = patient(client.releases);
  const { id } = await eventually(
    'the release is applied',
    () => client.releases.apply(scenario.spec, 'drill'),
    WITHIN_MS,
  );
  const orders = scenario.orders?.(releases, id);
  const until = performance.now() + WITHIN_MS;
  let kills = 0;
  let killedAt = 0;
  while (!ENDED.has(seen.of(id)?.state ?? 'draft')) {
    const { seq = 0, state = 'draft' } = seen.of(id) ?? {};
    if (performance.now() > until) return { kills, state, difference: `it stood in ${state}` };
    if (seq > killedAt && kills < killsMax) {
      killedAt = seq;
      kills++;
      await Promise.all(
        mesh
          .targets()
          .filter(({ kind }) => kind === 'registry')
          .map(killed),
      );
    }
    await sleep(2);
  }
  await orders;
  const record = await releases.show(id);
  const again = replay(await eventually('the journal is read', () => client.releases.history(id)), judge);
  const labels = record.plan.arms.filter(({ weight }) => weight > 0).map(({ label }) => label);
  const difference =
    record.state !== scenario.ends
      ? `${record.state}, not ${scenario.ends}: ${record.last.why}`
      : labels.join() !== scenario.serves
        ? `${labels.join()} serves, not ${scenario.serves}`
        : again.same
          ? undefined
          : `entry ${again.seq} replays differently: ${again.difference}`;
  return { kills, state: record.state, ...(difference !== undefined && { difference }) };
}

async function killed(target: Target): Promise<void> {
  target.kill();
  await eventually('the registry is replaced', async () => {
    if (!target.replaced()) throw new Error(`${target.name} is still dead`);
  });
}

/** Orders and looks go on while the registry is away; one whose answer was lost may find itself done. */
function patient(releases: Releases): Releases {
  const within = <T>(ask: () => Promise<T>): Promise<T> => eventually('the registry answers', ask, WITHIN_MS);
  const ordered = (order: 'promote' | 'abort') => (request: Parameters<Releases['promote']>[0]) =>
    within(() =>
      releases[order](request).catch((error: unknown) => {
        if (error instanceof Failure && error.code === 'BAD_REQUEST') return releases.show(request.id);
        throw error;
      }),
    );
  return {
    show: (id: string) => within(() => releases.show(id)),
    promote: ordered('promote'),
    abort: ordered('abort'),
  } as unknown as Releases;
}

/** Looks at the endpoint in the catalog itself, several times a second, past every service. */
class PlanWatch {
  readonly wrong: string[] = [];
  twice = 0;
  private readonly seen = new Set<string>();
  private readonly latest = new Map<string, number>();
  private readonly records = new Map<string, { readonly state: ReleaseState; readonly seq: number }>();

  static async open(mesh: DrillMesh): Promise<PlanWatch> {
    const home = mesh.regions.find((region) => region.home) ?? mesh.regions[0];
    if (!home) throw new Error('a mesh has regions');
    const nc = await mesh.nats('operator', home);
    const watch = new PlanWatch(() => nc.close());
    const catalog = await new Kvm(nc).open(buckets.catalog(home.name));
    const releases = await new Kvm(nc).open(buckets.releases(home.name));
    const entries = await catalog.watch({ key: keys.endpoint(ENDPOINT) });
    void (async () => {
      for await (const entry of entries) watch.take(entry.operation === 'PUT' ? entry.json() : undefined);
    })();
    const records = await releases.watch();
    void (async () => {
      for await (const entry of records) {
        const { id, state, last } = entry.json<ReleaseRecord>();
        watch.records.set(id, { state, seq: last.seq });
        const active = [...watch.records.values()].filter((record) => !ENDED.has(record.state));
        if (active.length > 1) watch.twice++;
      }
    })();
    return watch;
  }

  private constructor(readonly close: () => Promise<void>) {}

  /** Of a release, as it is written. */
  of(id: string): { readonly state: ReleaseState; readonly seq: number } | undefined {
    return this.records.get(id);
  }

  get plans(): number {
    return this.seen.size;
  }

  private take(value: unknown): void {
    if (value === undefined) return;
    const parsed = EndpointRecord.safeParse(value);
    // Its schema holds the sum: a record that breaks it cannot be read.
    if (!parsed.success) return void this.wrong.push(parsed.error.message);
    const { release } = parsed.data;
    if (!release) return;
    this.seen.add(`${release.id} ${release.revision}`);
    if ((this.latest.get(release.id) ?? 0) > release.revision)
      this.wrong.push(`${release.id} went back to plan ${release.revision}`);
    this.latest.set(release.id, release.revision);
  }
}
