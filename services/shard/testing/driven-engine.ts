// A real engine process on a real bus, driven without a host: tests of the data path load versions into it and call them.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, headers as natsHeaders, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { ERRORS, isErrorCode } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import {
  decodeInferResponse,
  encodeInferRequest,
  type InferResponse,
} from '../../../contracts/infer-body.js';
import { BODY_BYTES_MAX } from '../../../contracts/large-body.js';
import { replicaId } from '../../../contracts/names.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { startNats } from '../../../deploy/local/nats.js';
import { EngineHandle } from '../engine-handle.js';
import type { LoadedReport } from '../engine-messages.js';
import { engineEntry } from './engine-entry.js';
import { policy, type SignedVersion } from './signed-version.js';

export interface Reply {
  /** 'OK' or the failure's code. */
  readonly code: string;
  readonly message: Msg;
  readonly response: InferResponse | undefined;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id?: string;
  readonly outputs?: string[];
  readonly binary?: boolean;
}

/** Beyond the deadline: the engine's own word on it should arrive. */
const WAIT_MS = 2_000;
const PATIENCE_MS = 20;

export class DrivenEngine implements AsyncDisposable {
  private number = 0;

  private constructor(
    readonly engine: EngineHandle,
    readonly nc: NatsConnection,
    readonly artifactsDir: string,
    readonly ended: Promise<string>,
    private readonly dispose: () => Promise<void>,
  ) {}

  static async start(threads = 1, bodyMaxBytes = BODY_BYTES_MAX): Promise<DrivenEngine> {
    const dir = await mkdtemp(join(tmpdir(), 'massif-engine-'));
    const nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
    const workDir = join(dir, 'empty');
    const artifactsDir = join(dir, 'artifacts');
    await mkdir(workDir);
    await mkdir(artifactsDir);
    const nc = await connect({ servers: nats.url });
    let end: (why: string) => void = () => undefined;
    const ended = new Promise<string>((resolve) => (end = resolve));
    const engine = new EngineHandle(
      {
        entry: engineEntry(),
        name: 'engine-under-test',
        region: 'east',
        natsUrl: nats.url,
        threads,
        device: 'cpu',
        bodyMaxBytes,
        keptMaxBytes: 1_048_576,
        workDir,
        notePath: join(dir, 'note'),
      },
      { warming: () => undefined, ended: end },
    );
    await engine.started;
    return new DrivenEngine(engine, nc, artifactsDir, ended, async () => {
      engine.kill();
      await ended;
      await nc.close();
      await nats.stop();
      await rm(dir, { recursive: true, force: true });
    });
  }

  async put({ resources }: SignedVersion): Promise<void> {
    for (const [digest, bytes] of resources) await writeFile(join(this.artifactsDir, digest), bytes);
  }

  /** Answers the replica's id along with the engine's report. */
  async load(
    version: SignedVersion,
    capacityMax = 512,
    batchRowsMax = 256,
  ): Promise<LoadedReport & { replica: string }> {
    await this.put(version);
    const replica = replicaId('shard-test', version.record.digest);
    const report = await this.engine.load({
      replica,
      number: ++this.number,
      version: version.record,
      artifactsDir: this.artifactsDir,
      policy,
      region: 'east',
      capacityMax,
      batchRowsMax,
    });
    return { ...report, replica };
  }

  async call(replica: string, inputs: Tensor[], options: CallOptions = {}): Promise<Reply> {
    const body = encodeInferRequest(
      {
        parameters: {},
        inputs,
        binaryOutput: options.binary ?? true,
        ...(options.id === undefined ? {} : { id: options.id }),
        ...(options.outputs === undefined ? {} : { outputs: options.outputs.map((name) => ({ name })) }),
      },
      { binary: options.binary ?? true },
    );
    const sent: Record<string, string> = {
      [headers.timeoutMs]: String(options.timeoutMs ?? 10_000),
      ...options.headers,
    };
    if (body.jsonLength !== undefined) sent[headers.jsonLength] = String(body.jsonLength);
    return this.send(replica, body.bytes, sent);
  }

  /** Asks again while there is no room, as callers do: on a busy machine a replica shuts its door for a moment. */
  async callPatiently(replica: string, inputs: Tensor[], options: CallOptions = {}): Promise<Reply> {
    for (;;) {
      const reply = await this.call(replica, inputs, options);
      if (reply.code !== 'MAILBOX_FULL') return reply;
      await sleep(PATIENCE_MS);
    }
  }

  async send(replica: string, bytes: Uint8Array, fields: Readonly<Record<string, string>>): Promise<Reply> {
    const all = natsHeaders();
    for (const [key, value] of Object.entries(fields)) all.set(key, value);
    const timeout = Number(fields[headers.timeoutMs] ?? '') || WAIT_MS;
    return replyOf(
      await this.nc.request(subjects.run(replica), bytes, { timeout: timeout + WAIT_MS, headers: all }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

export function replyOf(message: Msg): Reply {
  const code = message.headers?.get(headers.errorCode) ?? '';
  if (isErrorCode(code) && message.headers?.get(headers.errorStatus) === String(ERRORS[code].http))
    return { code, message, response: undefined };
  const length = message.headers?.get(headers.jsonLength);
  const response = decodeInferResponse(message.data, length ? Number(length) : undefined);
  return { code: 'OK', message, response };
}
