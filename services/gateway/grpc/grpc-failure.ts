// A failure as gRPC tells it: the status of our code, message and fix as its details, the code itself in the trailing metadata.
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { ERRORS, type Failure } from '../../../contracts/errors.js';
import { headers } from '../../../contracts/headers.js';

export function grpcFailure(reason: Failure, trailer: Metadata = new Metadata()): ServiceError {
  trailer.set(headers.errorCode.toLowerCase(), reason.code);
  const { retryAfterS, retryAfterMs } = reason;
  if (retryAfterS !== undefined) trailer.set(headers.retryAfter.toLowerCase(), String(retryAfterS));
  if (retryAfterMs !== undefined) trailer.set(headers.retryAfterMs.toLowerCase(), String(retryAfterMs));
  return Object.assign(new Error(reason.message), {
    code: ERRORS[reason.code].grpc,
    details: reason.toBody().error,
    metadata: trailer,
  });
}
