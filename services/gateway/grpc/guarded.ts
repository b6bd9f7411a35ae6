// Asks the guard of each gRPC call when its metadata are there, and remembers the answer for the handlers: which model a call is
// about stands in its message.
import { type Metadata, type ServerInterceptor, ServerInterceptingCall } from '@grpc/grpc-js';
import { toFailure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';
import type { Guard, Visitor } from '../identity/guard.js';
import { neededAtGrpc } from '../identity/permission.js';
import { grpcFailure } from './grpc-failure.js';

export class Visitors {
  private readonly known = new WeakMap<Metadata, Visitor>();

  constructor(private readonly guard: Guard) {}

  /** Throws NOT_ALLOWED where the caller's key is not for this model. */
  check({ metadata }: { readonly metadata: Metadata }, endpoint: string): void {
    this.known.get(metadata)?.checkEndpoint(endpoint);
  }

  readonly interceptor: ServerInterceptor = ({ path }, call) => {
    let leave = (): void => undefined;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            try {
              const visitor = this.admit(metadata, path);
              leave = visitor.leave;
              this.known.set(metadata, visitor);
            } catch (error) {
              call.sendStatus(grpcFailure(toFailure(error)));
              return;
            }
            pass(metadata);
          },
          onCancel: () => leave(),
        }),
      sendStatus: (status, next) => {
        leave();
        next(status);
      },
    });
  };

  private admit(metadata: Metadata, path: string): Visitor {
    const presented = { authorization: one(metadata, 'authorization'), tenant: one(metadata, TENANT) };
    const visitor = this.guard.admit(presented, neededAtGrpc(path));
    const { tenant, key } = visitor;
    if (tenant !== undefined) metadata.set(TENANT, tenant);
    if (tenant !== undefined && key !== undefined) metadata.set(CALLER, `${key} ${tenant}`);
    return visitor;
  }
}

const TENANT = headers.tenant.toLowerCase();
const CALLER = headers.caller.toLowerCase();
const one = (metadata: Metadata, name: string): string | undefined => metadata.get(name).map(String)[0];
