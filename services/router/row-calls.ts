// Requests for pipelines that take their rows in micro-batches: the router cuts them, sends the parts as its own calls, and answers the
// caller itself, since no engine sees the whole answer. door.ts asks.
import type { Body } from '../../contracts/body-tensors.js';
import { headers } from '../../contracts/headers.js';
import { tooLarge } from '../../contracts/large-body.js';
import type { Bus } from '../mesh/bus.js';
import { Dispatcher, type DispatcherOptions } from '../mesh/dispatch.js';
import { headerLine } from '../mesh/header-block.js';
import { messageBytesMax } from '../mesh/large-bodies.js';
import type { RequestHead } from '../mesh/request-head.js';

export interface RowAnswer {
  readonly bytes: Uint8Array;
  /** Of its headers. */
  readonly lines: string;
}

export class RowCalls {
  private readonly dispatcher: Dispatcher;

  constructor(
    private readonly bus: Bus,
    private readonly view: DispatcherOptions['view'],
    options: Pick<DispatcherOptions, 'clock' | 'random' | 'bodyMaxBytes'>,
  ) {
    this.dispatcher = new Dispatcher({ buses: [bus], view, ...options });
  }

  get inFlight(): number {
    return this.dispatcher.inFlight;
  }

  takes(endpoint: string, { body }: RequestHead): boolean {
    return !body && !this.view.endpoint(endpoint) && this.view.pipeline(endpoint)?.microBatch !== undefined;
  }

  async infer(
    endpoint: string,
    version: string | undefined,
    head: RequestHead,
    body: Body,
    requestId: string,
  ): Promise<RowAnswer> {
    const { user, tenant, ruled, timeoutMs, priority, traceparent, failFast } = head;
    const { bytes, jsonLength, replica } = await this.dispatcher.infer(endpoint, body, {
      ...{ user, tenant, headers: ruled, version, timeoutMs, priority, traceparent, failFast, requestId },
    });
    const limit = messageBytesMax(this.bus.nc);
    if (bytes.length > limit) throw tooLarge('answer', bytes.length, limit);
    let lines = headerLine(headers.replica, replica) + headerLine(headers.requestId, requestId);
    if (jsonLength !== undefined) lines += headerLine(headers.jsonLength, jsonLength);
    return { bytes, lines };
  }

  close(): void {
    this.dispatcher.close();
  }
}
