// A whole mesh for a drill or a system test: real servers, real processes, free ports, a folder of its own. Verbs: publish, kill,
// settled. Disposal stops everything and fails when something is left.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectNats, type NatsConnection } from '@nats-io/transport-node';
import { connect, type ConnectOptions, type MassifClient, type PushFile } from '../client/mod.js';
import type { BusUser } from '../contracts/bus-users.js';
import { HEARTBEAT_MS, HEARTBEAT_STALE_MS, Heartbeat } from '../contracts/heartbeat.js';
import type { StateFile } from '../contracts/state-file.js';
import { subjects, wildcards } from '../contracts/subjects.js';
import { busKeyPath } from '../deploy/local/bus-keys.js';
import { prepareDoorKey, readDoorKey } from '../deploy/local/door-key.js';
import { LocalMesh } from '../deploy/local/local-mesh.js';
import { freePorts } from '../deploy/local/free-ports.js';
import { freeBlock } from '../deploy/local/ports.js';
import { planMesh, type RegionPlan, type Topology, type TopologyOptions } from '../deploy/local/topology.js';
import { Link } from './link.js';
import { connectAs } from '../services/mesh/bus-key.js';
import { waitUntil } from '../services/mesh/testing/wait-until.js';

export interface MeshOptions {
  readonly regions?: readonly string[];
  readonly shardsPerRegion?: number;
  /** Every service a process of its own. */
  readonly apart?: boolean;
  readonly pool?: NonNullable<TopologyOptions['pool']>;
  readonly poolEnv?: NonNullable<TopologyOptions['poolEnv']>;
  readonly env?: NonNullable<TopologyOptions['env']>;
  /** The regions' NATS servers meet over a line that can be cut. */
  readonly cuttable?: boolean;
  /** False: the REST and gRPC doors ask for a key, as under `npm start`. */
  readonly openDoors?: boolean;
  /** Nobody shows who he is: for peers in benchmarks that know no keys. */
  readonly development?: boolean;
  /** Makes the key of a user that hears everything, for a test that watches the bus: `mesh.nats('observer')`. */
  readonly observer?: boolean;
}

export interface Target {
  readonly pid: number | undefined;
  readonly kind: string;
  readonly name: string;
  kill(signal?: NodeJS.Signals): void;
  /** Another process has taken its place. */
  replaced(): boolean;
}

const SETTLE_MS_MAX = 60_000;
/** Each look asks every door of every region: more of them would keep the cores from what is waited for. */
const LOOK_EVERY_MS = 200;
const PORTS_FROM = 20_000;
const PORTS_UP_TO = 29_000;

export async function startMesh(options: MeshOptions = {}): Promise<DrillMesh> {
  const dir = await mkdtemp(join(tmpdir(), 'massif-drill-'));
  const from = PORTS_FROM + 20 * Math.floor((Math.random() * (PORTS_UP_TO - PORTS_FROM)) / 20);
  const base = await freeBlock(from, options.regions?.length ?? 2);
  const { cuttable, ...shape } = options;
  const [linkPort = 0] = cuttable ? await freePorts(1) : [];
  const topology = planMesh({
    dir,
    base,
    shardsPerRegion: 1,
    openDoors: true,
    ...shape,
    ...(cuttable && { linkPort }),
  });
  const link = cuttable ? await Link.open(linkPort, topology.regions[0]?.ports.natsLeaf ?? 0) : undefined;
  const local = new LocalMesh(topology);
  try {
    await local.boot();
    if (shape.openDoors === false) await prepareDoorKey(topology);
    const listeners = await Promise.all(
      topology.regions.map((region) =>
        connectNats({
          ...connectAs(topology.development ? undefined : busKeyPath(topology.keys, 'operator')),
          servers: region.natsUrl,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 100,
          pingInterval: 1_000,
        }),
      ),
    );
    await writeFile(stateFileOf(topology), JSON.stringify(stateOf(topology)));
    return new DrillMesh(topology, local, listeners, link);
  } catch (error) {
    await local.stop();
    await link?.[Symbol.asyncDispose]();
    throw error;
  }
}

export const stateFileOf = (topology: Topology): string => join(topology.dir, 'state.json');

/** What `massif` reads when MASSIF_STATE names the file, so that runbooks work on a drill's mesh. */
function stateOf({ regions, keys, development }: Topology): StateFile {
  return {
    version: 'drill',
    phase: 'ready',
    pid: process.pid,
    startedAt: new Date().toISOString(),
    development,
    keys,
    regions: regions.map(({ name, home, restUrl: rest, natsUrl: nats, consulUrl: consul }) => ({
      name,
      home,
      rest,
      nats,
      consul,
    })),
  };
}

export class DrillMesh implements AsyncDisposable {
  private readonly beats = new Map<string, { readonly beat: Heartbeat; readonly atMs: number }>();
  readonly regions: readonly RegionPlan[];

  constructor(
    readonly topology: Topology,
    readonly local: LocalMesh,
    private readonly listeners: readonly NatsConnection[],
    /** Of a mesh that is `cuttable`. */
    readonly link: Link | undefined,
  ) {
    this.regions = topology.regions;
    for (const nc of listeners) {
      nc.subscribe(wildcards.heartbeats(), {
        callback: (error, { subject, data }) => {
          if (!error) this.beats.set(subject.slice(subject.lastIndexOf('.') + 1), heardNow(data));
        },
      });
    }
  }

  get natsUrls(): string[] {
    return this.regions.map((region) => region.natsUrl);
  }

  /** The file of a user's key on the bus; none in development mode. */
  key(user: BusUser): string | undefined {
    return this.topology.development ? undefined : busKeyPath(this.topology.keys, user);
  }

  /** A connection of that user, as any NATS client makes one. */
  nats(user: BusUser, region = this.regions[0]): Promise<NatsConnection> {
    if (!region) throw new Error('a mesh has regions');
    const options = {
      servers: region.natsUrl,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      noAsyncTraces: true,
    };
    return connectNats({ ...connectAs(this.key(user)), ...options });
  }

  client(options: Partial<ConnectOptions> = {}): Promise<MassifClient> {
    return connect({ nats: this.natsUrls, key: this.key('operator'), ...options });
  }

  /** Publishes a version and serves it on every shard; returns once every shard of the mesh has it ready. */
  async publish(name: string, files: readonly PushFile[], shardsPerRegion: number): Promise<void> {
    await using client = await this.client({ mode: 'routed' });
    const privateKeyPem = await readFile(join(this.topology.keys, 'publisher.pem'), 'utf8');
    const options = { model: name, label: '1', privateKeyPem, aliases: ['stable'] };
    await eventually('the registry takes a push', () => client.registry.push(files, options));
    await client.registry.deploy({
      endpoint: name,
      model: name,
      replicasPerRegion: shardsPerRegion,
      timeoutMs: 2_000,
    });
    await this.settled(name);
  }

  /** Everything that can be killed now, engines included. */
  targets(): Target[] {
    const processes = this.local.supervisor.list().map(({ kind, name, pid }) => ({
      kind,
      name,
      pid,
      kill: (signal: NodeJS.Signals = 'SIGKILL') => this.local.supervisor.process(name).signal(signal),
      replaced: () => ![pid, undefined].includes(this.local.supervisor.process(name).pid),
    }));
    const engines = [...this.beats.values()].flatMap(({ beat }) =>
      beat.engines
        .filter((engine) => engine.replicas.length > 0)
        .map(({ pid }) => ({
          kind: 'engine',
          pid,
          name: `engine of ${beat.shard}`,
          kill: (signal: NodeJS.Signals = 'SIGKILL') => void process.kill(pid, signal),
          replaced: () => !this.engines(beat.shard).includes(pid),
        })),
    );
    return [...processes, ...engines];
  }

  /** A whole region is gone at once, its servers and all its services, until it is brought back. */
  lose(region: string): void {
    const engines = this.topology.services
      .filter(({ kind, env }) => kind === 'shard' && env['MASSIF_REGION'] === region)
      .flatMap(({ name }) => this.engines(name));
    for (const name of this.processesOf(region)) this.local.supervisor.process(name).hold();
    for (const pid of engines) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  }

  bringBack(region: string): void {
    for (const name of this.processesOf(region)) this.local.supervisor.process(name).resume();
  }

  private processesOf(region: string): string[] {
    const services = this.topology.services.filter(({ env }) => env['MASSIF_REGION'] === region);
    return [`nats-${region}`, `consul-${region}`, ...services.map(({ name }) => name)];
  }

  /** What a process of the first region answers. */
  async ask(subject: string, timeoutMs: number): Promise<unknown> {
    const [nc] = this.listeners;
    return nc && (await nc.request(subject, '{}', { timeout: timeoutMs })).json();
  }

  /** Summed over all replicas of the model, as they said last. */
  sequencesOf(model: string): { open: number; lost: number; handedOver: number } {
    const sum = { open: 0, lost: 0, handedOver: 0 };
    for (const { beat } of this.beats.values())
      for (const { model: its, sequences } of beat.replicas) {
        if (its !== model || !sequences) continue;
        sum.open += sequences.open;
        sum.lost += sequences.lost;
        sum.handedOver += sequences.handedOver;
      }
    return sum;
  }

  /** Every shard has said twice more how it is: what happened before this was asked is in it. */
  async heardAgain(): Promise<void> {
    const afterMs = performance.now() + 2 * HEARTBEAT_MS;
    await waitUntil('every shard has told of itself again', () =>
      [...this.beats.values()].every(({ atMs }) => atMs > afterMs),
    );
  }

  /** What every shard that is not silent said last, those of a pool included. */
  heard(): Heartbeat[] {
    const nowMs = performance.now();
    return [...this.beats.values()]
      .filter(({ atMs }) => nowMs - atMs <= HEARTBEAT_STALE_MS)
      .map(({ beat }) => beat);
  }

  /** Engines that serve something, of one shard or of all. */
  enginePids(shard?: string): number[] {
    return [...this.beats.values()]
      .filter(({ beat }) => shard === undefined || beat.shard === shard)
      .flatMap(({ beat }) =>
        beat.engines.filter(({ replicas }) => replicas.length > 0).map(({ pid }) => pid),
      );
  }

  private engines(shard: string): number[] {
    return this.beats.get(shard)?.beat.engines.map(({ pid }) => pid) ?? [];
  }

  /**
   * Returns when the victim has been replaced, all processes are up, every shard serves the endpoint, and every door of every
   * region answers.
   */
  async settled(endpoint: string, victim?: Target): Promise<void> {
    const signal = AbortSignal.timeout(SETTLE_MS_MAX);
    for (;;) {
      const missing =
        victim && !victim.replaced() ? `${victim.name} is not replaced` : await this.missing(endpoint);
      if (missing === undefined) return;
      if (signal.aborted)
        throw new Error(`the mesh did not settle within ${SETTLE_MS_MAX / 1000} s: ${missing}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** What is not yet as it should be, in words. */
  private async missing(endpoint: string): Promise<string | undefined> {
    const down = this.local.supervisor.list().find((process) => process.state !== 'ready');
    if (down) return `${down.name} is ${down.state}`;
    for (const { name, kind } of this.topology.services) {
      if (kind !== 'shard') continue;
      const seen = this.beats.get(name);
      const pid = this.local.supervisor.process(name).pid;
      if (!seen || seen.beat.pid !== pid) return `${name} has sent no heartbeat yet`;
      if (performance.now() - seen.atMs > HEARTBEAT_STALE_MS) return `${name} is silent`;
      if (!seen.beat.replicas.some((r) => r.model === endpoint && r.state === 'ready'))
        return `${name} has no ready replica`;
    }
    for (const [index, region] of this.regions.entries()) {
      const leader = await fetchJson(`${region.consulUrl}/v1/status/leader`);
      if (typeof leader !== 'string' || leader === '') return `Consul in ${region.name} has no leader`;
      const ready = (await fetchJson(
        `${region.restUrl}/v2/models/${endpoint}/ready`,
        await readDoorKey(this.topology.keys),
      )) as { ready?: boolean } | undefined;
      if (ready?.ready !== true) return `${endpoint} is not ready over REST in ${region.name}`;
      const explained = await this.listeners[index]
        ?.request(subjects.explain(endpoint), '{}', { timeout: 1_000 })
        .then((message) => message.json<{ replica?: string }>())
        .catch(() => undefined);
      if (explained?.replica === undefined)
        return `the router in ${region.name} has no replica of ${endpoint}`;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.listeners.map((nc) => nc.close()));
    const pids = this.local.supervisor.list().flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    const engines = [...this.beats.values()].flatMap(({ beat }) => [
      beat.pid,
      ...beat.engines.map((engine) => engine.pid),
    ]);
    await this.local.stop();
    await this.link?.[Symbol.asyncDispose]();
    try {
      await waitUntil('no process of the mesh is left', () => ![...pids, ...engines].some(isAlive));
    } finally {
      await rm(this.topology.dir, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

async function fetchJson(url: string, authorization?: string): Promise<unknown> {
  try {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(1_000) });
    return await answer.json();
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Tries until it does not throw; the last reason when time is up. */
export async function eventually<T>(what: string, attempt: () => Promise<T>, withinMs = 30_000): Promise<T> {
  const signal = AbortSignal.timeout(withinMs);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: error });
      await sleep(100);
    }
  }
}

/** Read when somebody asks: a drill that takes times must not spend its own on each beat of hundreds of replicas. */
function heardNow(data: Uint8Array): { readonly beat: Heartbeat; readonly atMs: number } {
  let beat: Heartbeat | undefined;
  return {
    atMs: performance.now(),
    get beat() {
      return (beat ??= Heartbeat.parse(JSON.parse(Buffer.from(data).toString('utf8'))));
    },
  };
}
