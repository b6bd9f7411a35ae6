// The gRPC door of the gateway: open where MASSIF_GRPC_PORT says so, from the start of the process to its end.
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { Bus } from '../../mesh/bus.js';
import type { Directory } from '../directory.js';
import type { Guard } from '../identity/guard.js';
import type { ModelControl } from '../model-control.js';
import type { GrpcCallsParts } from './grpc-calls.js';
import type { GrpcServer } from './grpc-server.js';

export interface GrpcDoorOptions extends Omit<GrpcCallsParts, 'visitors'> {
  readonly directory: Directory;
  readonly control: ModelControl;
  readonly extensions: readonly string[];
  readonly bus: Bus;
  readonly guard: Guard;
  readonly host: string;
  /** Undefined: closed. */
  readonly port: number | undefined;
  readonly callsMax: number;
}

export class GrpcDoor implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly closing = new AbortController();
  private server: GrpcServer | undefined;

  constructor(private readonly options: GrpcDoorOptions) {}

  get port(): number | undefined {
    return this.server?.port;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { port, host, bus, callsMax, clock, admission, limitBytes } = this.options;
    if (port === undefined) return;
    const [
      { listen },
      { GrpcCalls },
      { inferenceService },
      { healthService },
      { reflectionService },
      { Visitors },
    ] = await Promise.all([
      import('./grpc-server.js'),
      import('./grpc-calls.js'),
      import('./inference-service.js'),
      import('./health-service.js'),
      import('./reflection-service.js'),
      import('./guarded.js'),
    ]);
    const visitors = new Visitors(this.options.guard);
    const parts = { ...this.options, visitors };
    this.server = await listen(
      { host, port, messageMaxBytes: limitBytes(), callsMax, admission, clock, visitors },
      [
        ...inferenceService(parts, new GrpcCalls(parts)),
        ...healthService(bus, this.closing.signal),
        ...reflectionService(),
      ],
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.server?.close();
  }
}
