// A listening gRPC server: its services, its limits, its end. Loaded only where the door is open, for grpc-js takes memory.
import { promisify } from 'node:util';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock } from '../../mesh/clock.js';
import type { Admission } from '../admission.js';
import { boundArriving } from './arriving.js';
import type { Visitors } from './guarded.js';
import type { Rpc } from './rpc.js';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly messageMaxBytes: number;
  /** Of one connection. */
  readonly callsMax: number;
  readonly admission: Admission;
  readonly visitors: Visitors;
  readonly clock: Clock;
}

export interface GrpcServer {
  readonly port: number;
  /** No new calls; those in flight have a moment to end. */
  close(): Promise<void>;
}

// Less than a process has for its whole end.
const DRAIN_MS_MAX = 3_000;

export async function listen(options: GrpcServerOptions, rpcs: readonly Rpc[]): Promise<GrpcServer> {
  const server = new Server({
    interceptors: [options.visitors.interceptor, boundArriving(options.admission, options.clock)],
    'grpc.max_receive_message_length': options.messageMaxBytes,
    'grpc.max_concurrent_streams': options.callsMax,
  });
  const handlers: UntypedServiceImplementation = {};
  for (const { definition, handler } of rpcs) handlers[definition.path] = handler;
  server.addService(
    Object.fromEntries(rpcs.map(({ definition }) => [definition.path, definition])),
    handlers,
  );
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind(`${host}:${options.port}`, ServerCredentials.createInsecure());
  return { port, close: () => close(server, options.clock) };
}

async function close(server: Server, clock: Clock): Promise<void> {
  const patience = clock.after(DRAIN_MS_MAX, () => server.forceShutdown());
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  patience();
}
