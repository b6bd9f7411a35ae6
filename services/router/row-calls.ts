// Requests for pipelines that take their rows in micro-batches: the router cuts them, sends the parts as its own calls, and answers the
// caller itself, since no engine sees the whole answer. door.ts asks.
import type { Body } from '../../contracts/body-tensors.js';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import type { Bus } from '../mesh/bus.js';
import { Dispatcher, type DispatcherOptions } from '../mesh/calls/dispatch.js';
import { headerLine } from '../mesh/header-block.js';
import { messageBytesMax } from '../mesh/bodies/large-bodies.js';
import type { RequestHead } from '../mesh/calls/request-head.js';

export interface RowAnswer {
  readonly bytes: Uint8Array;
  /** Of its headers. */
  readonly lines: string;
}

export class RowCalls {
  /** Made with the first of them: most routers never see one. */
  private dispatcher: Dispatcher | undefined;
  private calls = 0;

  constructor(
    private readonly bus: Bus,
    private readonly view: DispatcherOptions['view'],
    private readonly options: Pick<DispatcherOptions, 'clock' | 'random' | 'bodyMaxBytes'>,
  ) {}

  /** Requests, not their parts. */
  get inFlight(): number {
    return this.calls;
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
    const { user, tenant, ruled, timeoutMs, priority, traceparent, failFast, uncached } = head;
    const once = head.requestId !== undefined;
    this.dispatcher ??= new Dispatcher({ buses: [this.bus], view: this.view, ...this.options });
    this.calls++;
    try {
      const { bytes, jsonLength, replica } = await this.dispatcher.infer(endpoint, body, {
        user,
        tenant,
        headers: ruled,
        version,
        timeoutMs,
        priority,
        traceparent,
        failFast,
        requestId,
        once,
        uncached,
      });
      this.checkSize(bytes.length);
      let lines = headerLine(headers.replica, replica) + headerLine(headers.requestId, requestId);
      if (jsonLength !== undefined) lines += headerLine(headers.jsonLength, jsonLength);
      return { bytes, lines };
    } finally {
      this.calls--;
    }
  }

  close(): void {
    this.dispatcher?.close();
  }

  /** Engines hold answers that no message carries; a router holds none. */
  private checkSize(bytes: number): void {
    const limitBytes = messageBytesMax(this.bus.nc);
    if (bytes <= limitBytes) return;
    throw failure(
      'TOO_LARGE',
      `The answer has ${bytes} bytes and a message carries ${limitBytes}: ask for fewer rows, or through a gateway or the client library.`,
      { bytes, limitBytes },
    );
  }
}
