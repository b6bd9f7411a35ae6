// Bounds what unary inferences hold while their message is still on its way, for grpc-js collects it before any handler runs. From
// then on grpc-calls.ts counts the true size.
import { type ServerInterceptor, ServerInterceptingCall } from '@grpc/grpc-js';
import { failure, toFailure } from '../../../contracts/errors.js';
import type { Clock } from '../../mesh/clock.js';
import type { Admission } from '../admission.js';
import { grpcFailure } from './grpc-failure.js';
import { GRPCInferenceService } from './proto/open_inference_grpc_pb.js';
import { definitionOf } from './rpc.js';

// As the REST door has it: what a body of unknown length counts as, and how long it may take to arrive.
const UNDECLARED_BYTES = 1_048_576;
const ARRIVAL_MS_MAX = 60_000;

const { path: INFER } = definitionOf(GRPCInferenceService.method.modelInfer);

export function boundArriving(admission: Admission, clock: Clock): ServerInterceptor {
  return ({ path }, call) => {
    if (path !== INFER) return call as ServerInterceptingCall;
    const refuse = (error: unknown): void => {
      call.sendStatus(grpcFailure(toFailure(error)));
    };
    let arrived = (): void => undefined;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            try {
              const leave = admission.enter(UNDECLARED_BYTES);
              const inTime = clock.after(ARRIVAL_MS_MAX, () =>
                refuse(failure('DEADLINE', 'The message did not arrive in time.')),
              );
              arrived = () => {
                inTime();
                leave();
              };
            } catch (error) {
              refuse(error);
              return;
            }
            pass(metadata);
          },
          onReceiveMessage: (message, pass) => {
            arrived();
            pass(message);
          },
          onCancel: () => arrived(),
        }),
    });
  };
}
