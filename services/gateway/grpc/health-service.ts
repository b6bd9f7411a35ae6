// The health protocol of gRPC, which load balancers and `grpc_health_probe` ask: serving as long as the bus is there.
import { create } from '@bufbuild/protobuf';
import type { ServerWritableStream, UntypedHandleCall } from '@grpc/grpc-js';
import { failure, toFailure } from '../../../contracts/errors.js';
import { quote } from '../../../contracts/quote.js';
import type { Bus } from '../../mesh/bus.js';
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from './proto/health_pb.js';
import { GRPCInferenceService } from './proto/open_inference_grpc_pb.js';
import { grpcFailure } from './grpc-failure.js';
import { definitionOf, factsOf, readMessage, type Rpc, unary } from './rpc.js';

/** Empty: the server as a whole. */
const KNOWN = new Set(['', GRPCInferenceService.typeName]);

/** `closing`: watchers are told goodbye, since their streams would hold up the end. */
export function healthService(bus: Bus, closing: AbortSignal): Rpc[] {
  const status = (): HealthCheckResponse =>
    create(HealthCheckResponseSchema, {
      status: bus.connected() && !closing.aborted ? Serving.SERVING : Serving.NOT_SERVING,
    });
  const check = unary(Health.method.check, ({ service }) => {
    if (KNOWN.has(service)) return status();
    throw failure('NOT_FOUND', `There is no service ${quote(service)}.`);
  });
  const watch = (stream: ServerWritableStream<Buffer, HealthCheckResponse>): void => {
    const { gone } = factsOf(stream);
    let known: boolean;
    try {
      known = KNOWN.has(readMessage(HealthCheckRequestSchema, stream.request).service);
    } catch (error) {
      stream.emit('error', grpcFailure(toFailure(error)));
      return;
    }
    // The protocol keeps a call for an unknown service open: it might appear. Ours do not.
    const tell = (): void =>
      void stream.write(
        known ? status() : create(HealthCheckResponseSchema, { status: Serving.SERVICE_UNKNOWN }),
      );
    tell();
    const unheard = known ? bus.onStatus(tell) : () => undefined;
    const goodbye = (): void => {
      if (known) tell();
      stream.end();
    };
    closing.addEventListener('abort', goodbye, { once: true });
    const forget = (): void => {
      unheard();
      closing.removeEventListener('abort', goodbye);
    };
    gone.addEventListener('abort', forget, { once: true });
  };
  return [check, { definition: definitionOf(Health.method.watch), handler: watch as UntypedHandleCall }];
}
