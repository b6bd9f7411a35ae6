// A home region with real NATS and Consul, a registry, trust, and a trainer as a process of its own that can be killed: tests of
// jobs submit into it.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { buckets, keys } from '../../../contracts/buckets.js';
import { subjects, type TrainerVerb } from '../../../contracts/subjects.js';
import type { JobState } from '../../../contracts/job.js';
import { JobReply, type JobRecord, type SubmitRequest } from '../../../contracts/trainer.js';
import { startConsul } from '../../../deploy/local/consul.js';
import { startNats } from '../../../deploy/local/nats.js';
import { boot, type ServiceDefinition } from '../../mesh/boot.js';
import { type Bus, connectBus } from '../../mesh/bus.js';
import { silentLog } from '../../mesh/log.js';
import { newKeyPair, privateKeyOf } from '../../mesh/trust/signing-key.js';
import { waitUntil } from '../../mesh/testing/wait-until.js';
import { TRUST_FILES } from '../../mesh/trust/trust-files.js';
import { signPolicy } from '../../mesh/trust/trust-policy.js';
import { serviceProgram } from './worker-entry.js';

export interface TrainedRegion extends AsyncDisposable {
  readonly bus: Bus;
  readonly url: string;
  startTrainer(name: string): Promise<void>;
  /** Its jobs need a trainer's versions. */
  startCompressor(name: string): Promise<void>;
  /** SIGKILL, no goodbye. */
  kill(name: string): Promise<void>;
  ask<T>(verb: TrainerVerb, schema: z.ZodType<T>, body: unknown): Promise<T>;
  submit(request: z.input<typeof SubmitRequest>): Promise<JobRecord>;
  show(id: string): Promise<JobRecord>;
  until(id: string, state: JobState, limitMs?: number): Promise<JobRecord>;
  upload(digest: string, bytes: Uint8Array): Promise<void>;
}

/** The registry is given by the test: services do not know each other. */
export async function startTrainedRegion(registryService: ServiceDefinition): Promise<TrainedRegion> {
  const dir = await mkdtemp(join(tmpdir(), 'massif-trainer-'));
  const [nats, consul] = await Promise.all([
    startNats({ dir: join(dir, 'nats'), region: 'east' }),
    startConsul({ dir: join(dir, 'consul'), region: 'east' }),
  ]);
  await writeKeys(join(dir, 'keys'));
  const places = {
    region: 'east',
    homeRegion: 'east',
    natsUrl: nats.url,
    consulUrl: consul.url,
    keysDir: join(dir, 'keys'),
  };
  const config = { ...places, instance: 'registry-1', regions: ['east'], dataDir: dir };
  const registry = await boot({ services: [registryService], config, log: silentLog });
  const bus = await connectBus({ url: nats.url, name: 'test', region: 'east' });
  const children = new Map<string, ChildProcess>();
  const ask = <T>(verb: TrainerVerb, schema: z.ZodType<T>, body: unknown): Promise<T> =>
    bus.request(subjects.trainer(verb), schema, body, { timeoutMs: 10_000 });
  const show = async (id: string): Promise<JobRecord> => (await ask('show', JobReply, { id })).record;
  const start = async (kind: 'trainer' | 'compressor', name: string): Promise<void> => {
    const child = fork(serviceProgram(`${kind}/main.js`), [], {
      execArgv: [],
      silent: true,
      env: {
        // oxlint-disable-next-line node/no-process-env -- a child of a test sees what the test sees
        ...process.env,
        MASSIF_AUTH: 'development',
        MASSIF_NAME: name,
        MASSIF_REGION: 'east',
        MASSIF_NATS_URL: nats.url,
        MASSIF_CONSUL_URL: consul.url,
        MASSIF_KEYS: join(dir, 'keys'),
        // Each has a disk of its own: what another needs comes from the object store.
        MASSIF_DATA: join(dir, name),
        MASSIF_TRAINER_ACK_WAIT_MS: '1500',
        MASSIF_TRAINER_THREADS: '1',
        // Tests of other files run beside this one and must not starve it.
        MASSIF_TRAINER_NICENESS: '0',
        MASSIF_COMPRESSOR_ACK_WAIT_MS: '1500',
        MASSIF_COMPRESSOR_THREADS: '1',
        MASSIF_COMPRESSOR_NICENESS: '0',
      },
    });
    children.set(name, child);
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`the ${kind} ended with ${code}`)));
    });
  };
  return {
    bus,
    url: nats.url,
    ask,
    show,
    submit: async (request) => (await ask('submit', JobReply, request)).record,
    until: (id, state, limitMs = 60_000) =>
      waitUntil(
        `the job is ${state}`,
        async () => {
          const record = await show(id).catch(() => undefined);
          if (record?.state === 'failed' && state !== 'failed') throw new Error(JSON.stringify(record.error));
          return record?.state === state ? record : undefined;
        },
        limitMs,
      ),
    startTrainer: (name) => start('trainer', name),
    startCompressor: (name) => start('compressor', name),
    async kill(name) {
      const child = children.get(name);
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child?.kill('SIGKILL');
      await ended;
    },
    async upload(digest, bytes) {
      await (await bus.object(buckets.training('east'))).putBlob({ name: keys.dataset(digest) }, bytes);
    },
    async [Symbol.asyncDispose]() {
      for (const child of children.values())
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await registry.stop();
      await bus.drain();
      await Promise.all([nats.stop(), consul.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function writeKeys(folder: string): Promise<void> {
  const [root, publisher] = [newKeyPair('root'), newKeyPair('publisher')];
  const { fingerprint, publicKeyPem } = publisher;
  const terms = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2100-01-01T00:00:00Z' };
  const policy = signPolicy(
    { version: 1, publishers: [{ fingerprint, publicKeyPem, person: 'trainer', models: ['*'], ...terms }] },
    privateKeyOf(root.privateKeyPem),
  );
  await mkdir(folder);
  await writeFile(join(folder, TRUST_FILES.rootKey), root.publicKeyPem);
  await writeFile(join(folder, TRUST_FILES.policy), JSON.stringify(policy));
  await writeFile(join(folder, 'publisher.pem'), publisher.privateKeyPem);
}
