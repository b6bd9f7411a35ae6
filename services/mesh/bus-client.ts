// The sending half of the mesh's strategy for Nest (bus-transport.ts is the answering half): a ClientProxy for applications that
// talk to the mesh as they talk to their other services. Bodies of inferences pass as the bytes that they are, everything else is
// control JSON, and whatever goes wrong arrives as a Failure with its code.
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { headers as natsHeaders, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { failure } from '../../contracts/errors.js';
import { DEFAULT_TIMEOUT_MS, headers } from '../../contracts/headers.js';
import type { Body } from '../../contracts/infer-body.js';
import { type Bus, connectBus } from './bus.js';
import { failureIn } from './error-reply.js';
import { connectFailure, lost, requestFailure } from './request-failure.js';

export interface BusClientOptions {
  /** `nats://host:port` of a region. */
  readonly url: string;
  /** The file of this application's key on the bus, `client.nk`. */
  readonly key?: string;
  /** How the server's connection list calls us. */
  readonly name?: string;
  /** For requests that bring no time of their own; a call's own deadline is the header Massif-Timeout. */
  readonly timeoutMs?: number;
}

/** A message with headers of its own (contracts/headers.ts), such as Massif-User. */
export class BusMessage {
  constructor(
    /** A body of the protocol, bytes, or anything that JSON carries. */
    readonly data: unknown,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}
}

/** Their answers are bodies of the protocol: `{ bytes, jsonLength }`, for `decodeInferResponse`. */
const BINARY = /^massif\.(infer|run)\./;
// A router answers a little after the deadline that it was given; before that its word counts more than our guess.
const PATIENCE_MS = 500;
// What headers may add to a body; NATS counts both against its limit.
const HEADER_BYTES_MAX = 1_024;

export class BusClient extends ClientProxy {
  private bus: Promise<Bus> | undefined;

  constructor(private readonly options: BusClientOptions) {
    super();
  }

  async connect(): Promise<NatsConnection> {
    const { url, key, name = 'nest-application' } = this.options;
    this.bus ??= connectBus({ url, key, name, waitOnFirstConnect: false });
    const connecting = this.bus;
    try {
      return (await connecting).nc;
    } catch (error) {
      // The next message tries again.
      if (this.bus === connecting) this.bus = undefined;
      throw connectFailure([url], error);
    }
  }

  async close(): Promise<void> {
    const { bus } = this;
    this.bus = undefined;
    await (await bus?.catch(() => undefined))?.drain();
  }

  unwrap<T = Promise<NatsConnection>>(): T {
    return this.connect() as T;
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    let wanted = true;
    this.ask(packet).then(
      (response) => wanted && callback({ response, isDisposed: true }),
      (err: unknown) => wanted && callback({ err, isDisposed: true }),
    );
    return () => void (wanted = false);
  }

  protected async dispatchEvent<T>({ pattern, data }: ReadPacket): Promise<T> {
    const nc = await this.connect();
    const { bytes, fields } = outgoing(data, nc);
    nc.publish(subjectOf(pattern), bytes, { headers: fields });
    return undefined as T;
  }

  private async ask({ pattern, data }: ReadPacket): Promise<unknown> {
    const subject = subjectOf(pattern);
    const nc = await this.connect();
    if (!(await this.bus)?.connected()) throw lost(subject);
    const { bytes, fields } = outgoing(data, nc);
    if (!fields.get(headers.timeoutMs))
      fields.set(headers.timeoutMs, String(this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS));
    const timeout = Number(fields.get(headers.timeoutMs)) + PATIENCE_MS;
    const answer = await nc.request(subject, bytes, { timeout, headers: fields }).catch((error: unknown) => {
      throw requestFailure(subject, error);
    });
    const reason = failureIn(answer);
    if (reason) throw reason;
    return BINARY.test(subject) ? bodyIn(answer) : jsonIn(answer);
  }
}

function subjectOf(pattern: unknown): string {
  if (typeof pattern === 'string' && /^[^\s*>]+$/.test(pattern)) return pattern;
  throw failure(
    'BAD_REQUEST',
    'The pattern of a message to the mesh is its subject: see contracts/subjects.ts.',
  );
}

function outgoing(given: unknown, nc: NatsConnection): { bytes: Uint8Array; fields: MsgHdrs } {
  const { data, headers: own } = given instanceof BusMessage ? given : new BusMessage(given);
  const fields = natsHeaders();
  for (const [key, value] of Object.entries(own)) fields.set(key, value);
  const body = bodyOf(data);
  if (body.jsonLength !== undefined) fields.set(headers.jsonLength, String(body.jsonLength));
  const limit = (nc.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADER_BYTES_MAX;
  if (body.bytes.length > limit)
    throw failure('TOO_LARGE', `The message has ${body.bytes.length} bytes; the server takes ${limit}.`);
  return { bytes: body.bytes, fields };
}

function bodyOf(data: unknown): Body {
  if (data instanceof Uint8Array) return { bytes: data, jsonLength: undefined };
  if (typeof data === 'object' && data !== null && 'bytes' in data && data.bytes instanceof Uint8Array)
    return data as Body;
  return { bytes: new TextEncoder().encode(JSON.stringify(data ?? {})), jsonLength: undefined };
}

function bodyIn({ data, headers: given }: Msg): Body {
  const length = given?.get(headers.jsonLength);
  return { bytes: data, jsonLength: length ? Number(length) : undefined };
}

function jsonIn(answer: Msg): unknown {
  try {
    return answer.data.length === 0 ? {} : answer.json();
  } catch (error) {
    throw failure('INTERNAL', `The answer on ${answer.subject} is not JSON.`, {}, error);
  }
}
