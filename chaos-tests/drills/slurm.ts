// A real Slurm cluster of this one machine lends shards: the autoscaler submits jobs, prolongs them, and ends them. Under load the pool grows,
// a shard host dies and its job is queued again, a machine is drained and its shards move to the other, and the pool shrinks to nothing. Then the
// cluster trains: a training job is a Slurm job, is killed, queued again, and ends with the same bytes as one that was left alone.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import { ProcessStatus } from '../../contracts/status.js';
import { subjects } from '../../contracts/subjects.js';
import { LocalSlurm, MACHINES } from '../../deploy/local/slurm.js';
import { type SlurmFiles, slurmFiles } from '../../deploy/local/slurm-install.js';
import type { Bus } from '../../services/mesh/bus.js';
import { waitUntil } from '../../services/mesh/testing/wait-until.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { restCall } from '../callers.js';
import { type DrillMesh, eventually, startMesh, stateFileOf } from '../harness.js';
import { Ledger } from '../ledger.js';
import { type Caller, openLoop } from '../open-loop.js';
import { type Drill, promise } from '../promises.js';
import { type Question, questions } from '../questions.js';
import { OpenRunbook } from '../runbook.js';
import { tracedCall } from '../traced-call.js';
import { Trainings } from '../trainings.js';

const ENDPOINT = 'borrowed';
const REGION = 'east';
const DEADLINE_MS = 10_000;
const STEP_MS_MAX = 90_000;
const LEASE_MINUTES = 1;
const POOL = {
  MASSIF_POOL_SLURM_JOBS: '3',
  MASSIF_POOL_SLURM_GRES: 'gpu:lab:1',
  MASSIF_POOL_SLURM_MINUTES: String(LEASE_MINUTES),
  MASSIF_POOL_SLURM_MIB: '1024',
  MASSIF_POOL_LINGER_MS: '1000',
  MASSIF_JOBS: 'pools',
};
/** Requests a second; how long it serves at its largest. */
const FORMS = {
  ci: { perSecond: 10, serveMs: 2_000 },
  quick: { perSecond: 20, serveMs: 40_000 },
  full: { perSecond: 50, serveMs: 150_000 },
} as const;

interface Job {
  readonly name: string;
  readonly state: string;
  readonly machine: string;
  readonly gres: string;
}

export const drill: Drill = async ({ form, log }) => {
  const { perSecond, serveMs } = FORMS[form];
  const files = await slurmFiles().catch((error: unknown) =>
    log(`skipped: no Slurm here (${String(error)})`),
  );
  if (!files) return { requests: 0, failed: 0, attempts: 0, promises: [], results: { skipped: 'no Slurm' } };
  await using cluster = await Cluster.start(files);
  const poolEnv = { ...POOL, PATH: cluster.path };
  await using mesh = await startMesh({ regions: [REGION], shardsPerRegion: 1, poolEnv });
  const model = mlp(1);
  const asked = await questions(model, 16);
  await publish(mesh, model);
  const target = {
    endpoint: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    question: (n: number) => asked[n % asked.length] as Question,
  };
  const answered = new Map<string, number>();
  const count = (replica: string): void => void answered.set(replica, (answered.get(replica) ?? 0) + 1);
  await using direct = await mesh.client();
  await using routed = await mesh.client({ mode: 'routed' });
  const [region] = mesh.regions;
  if (!region) throw new Error('the mesh has no region');
  const callers: Caller[] = [
    { name: 'direct', perSecond, call: tracedCall(direct, target, () => undefined) },
    { name: 'routed', perSecond, call: tracedCall(routed, target, count) },
    { name: 'rest', perSecond: perSecond / 5, call: restCall(region.restUrl, target) },
  ];
  const ledger = new Ledger();
  const stop = new AbortController();
  const load = openLoop(callers, ledger, stop.signal);
  const env = { PATH: cluster.path, MASSIF_STATE: stateFileOf(mesh.topology), ENDPOINT };
  const runbook = await OpenRunbook.open('slurm', env);
  const serving = (): Heartbeat[] =>
    mesh.heard().filter(({ shard, replicas }) => shard.startsWith('pool-') && replicas.some(isReady));
  const pin = (replicas: number): Promise<unknown> =>
    eventually('the registry takes a pin', () =>
      direct.registry.scale({ endpoint: ENDPOINT, scaling: { pin: replicas } }),
    );

  await pin(2);
  await waitUntil('a shard that Slurm started serves', () => serving().length === 1, STEP_MS_MAX);
  log('one shard from Slurm serves');
  await pin(3);
  await waitUntil('two shards that Slurm started serve', () => serving().length === 2, STEP_MS_MAX);
  const grown = await cluster.jobs();
  log(
    `two serve: ${grown.map(({ name, machine, gres }) => `${name} on ${machine} with ${gres}`).join(', ')}`,
  );
  await sleep(serveMs);
  await runbook.run('See');

  const [victim] = serving();
  if (!victim) throw new Error('no shard of the pool is left');
  process.kill(victim.pid, 'SIGKILL');
  log(`killed ${victim.shard}`);
  const back = (): boolean =>
    serving().some(({ shard, pid }) => shard === victim.shard && pid !== victim.pid);
  await waitUntil('its job runs again', back, STEP_MS_MAX);
  log('its job was queued again, and serves');

  const machine = (await cluster.jobs())[0]?.machine ?? '';
  await runbook.run('Drain', { MACHINE: machine });
  await eventually(
    'all shards serve on another machine',
    async () => {
      const jobs = await cluster.jobs();
      if (jobs.some((job) => job.machine === machine) || serving().length !== 2)
        throw new Error(JSON.stringify(jobs));
    },
    STEP_MS_MAX,
  );
  log(`${machine} is drained, and two shards serve elsewhere`);
  await runbook.run('Repaired', { MACHINE: machine });
  await runbook.run('Check');

  await pin(1);
  await eventually(
    'the pool is empty',
    async () => {
      const jobs = await cluster.jobs();
      if (jobs.length > 0 || mesh.heard().length !== 1) throw new Error(JSON.stringify(jobs));
    },
    STEP_MS_MAX,
  );
  log('shrunk: no job is left');
  stop.abort();
  await load;
  const trained = await train(mesh, cluster, log);
  for (const text of runbook.failed) log(text);
  const prolonged = await countIn(join(mesh.topology.logs, 'control.log'), 'pool.slurm.prolonged');
  const accounts = Object.fromEntries(callers.map(({ name }) => [name, ledger.account(name)]));
  const all = Object.values(accounts);
  const sum = (pick: (account: (typeof all)[number]) => number): number =>
    all.reduce((total, account) => total + pick(account), 0);
  const throughSlurm = [...answered]
    .filter(([replica]) => replica.startsWith('pool-'))
    .reduce((total, [, n]) => total + n, 0);
  const library = (accounts['direct']?.failed ?? 0) + (accounts['routed']?.failed ?? 0);
  return {
    requests: sum((a) => a.requests),
    failed: sum((a) => a.failed),
    attempts: sum((a) => a.attempts),
    promises: [
      promise('requests through the client library that failed', library, '==', 0, 'requests'),
      promise('requests not accounted for', ledger.pending(), '==', 0, 'requests'),
      promise('routed answers from shards that Slurm started', throughSlurm, '>=', 1, 'answers'),
      promise(
        'jobs with a GPU of their own at the largest',
        grown.filter(({ gres }) => gres.includes('gpu:lab:1')).length,
        '==',
        2,
        'jobs',
      ),
      promise('training jobs that were Slurm jobs with a GPU', trained.withGpu, '==', 2, 'jobs'),
      promise('of them killed, queued again by Slurm, and gone on with', trained.goneOn, '==', 1, 'jobs'),
      promise('trainings whose bytes differ', trained.differ, '==', 0, 'trainings'),
      promise('runbook blocks that failed', runbook.failed.length, '==', 0, 'blocks'),
      ...(form === 'ci' ? [] : [promise('time limits moved', prolonged, '>=', 2, 'jobs')]),
    ],
    results: { accounts, answeredBy: Object.fromEntries(answered), grown, prolonged },
  };
};

/** Two trainings of the same: one is left alone, the process of the other dies in its middle. */
async function train(
  mesh: DrillMesh,
  cluster: Cluster,
  log: (line: string) => void,
): Promise<{ withGpu: number; goneOn: number; differ: number }> {
  await using trainings = await Trainings.on(mesh, STEP_MS_MAX);
  let withGpu = 0;
  const begin = async (model: string): Promise<string> => {
    const { id } = await trainings.submit(model, 'lab', 400);
    await trainings.until(id, 'is at work', ({ checkpointStep = 0 }) => checkpointStep > 0);
    const [job] = (await cluster.jobs()).filter(({ name }) => name === `job-slurm-${id}`);
    if (job?.gres.includes('gpu:lab:1')) withGpu++;
    log(`${model} trains as the Slurm job ${job?.name} on ${job?.machine} with ${job?.gres}`);
    return id;
  };
  const calm = await begin('calm');
  await trainings.until(calm, 'is done', ({ state }) => state === 'done');
  const killed = await begin('killed');
  process.kill(await pidOf(trainings.bus, `job-slurm-${killed}`), 'SIGKILL');
  const { attempts } = await trainings.until(killed, 'is done', ({ state }) => state === 'done');
  log(`killed, and done at attempt ${attempts}`);
  const [one, other] = [await trainings.digest(calm), await trainings.digest(killed)];
  return { withGpu, goneOn: Number(attempts > 1), differ: Number(one !== other) };
}

async function pidOf(bus: Bus, instance: string): Promise<number> {
  for await (const message of await bus.nc.requestMany(subjects.status(), '{}', { maxWait: 2_000 })) {
    const status = ProcessStatus.safeParse(message.json());
    if (status.data?.instance === instance) return status.data.pid;
  }
  throw new Error(`nobody is called ${instance}`);
}

const isReady = ({ state }: Heartbeat['replicas'][number]): boolean => state === 'ready';

async function publish(mesh: DrillMesh, model: Uint8Array): Promise<void> {
  await using client = await mesh.client({ mode: 'routed' });
  const privateKeyPem = await readFile(join(mesh.topology.keys, 'publisher.pem'), 'utf8');
  const options = { model: ENDPOINT, label: '1', privateKeyPem, aliases: ['stable'] };
  await eventually('the registry takes a push', () =>
    client.registry.push([{ name: 'model.onnx', bytes: model }], options),
  );
  await client.registry.deploy({
    endpoint: ENDPOINT,
    model: ENDPOINT,
    timeoutMs: DEADLINE_MS,
    scaling: { pin: 1 },
  });
}

async function countIn(log: string, event: string): Promise<number> {
  return (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(event)).length;
}

/** The cluster, in a folder that goes with it. */
class Cluster implements AsyncDisposable {
  readonly path: string;

  private constructor(
    private readonly slurm: LocalSlurm,
    private readonly dir: string,
  ) {
    this.path = `${slurm.tools}${delimiter}${process.env['PATH'] ?? ''}`;
  }

  static async start(files: SlurmFiles): Promise<Cluster> {
    const dir = await mkdtemp(join(tmpdir(), 'massif-slurm-'));
    try {
      return new Cluster(await LocalSlurm.start(files, dir), dir);
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  async jobs(): Promise<Job[]> {
    const lines = (await this.slurm.ask('squeue', ['-h', '-o', '%j|%T|%N|%b'])).split('\n').filter(Boolean);
    return lines.map((line) => {
      const [name = '', state = '', machine = '', gres = ''] = line.split('|');
      return { name, state, machine: MACHINES.includes(machine) ? machine : '', gres };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.slurm[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
