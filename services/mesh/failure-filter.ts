// The last one to see what a handler throws: a Failure goes home as it is, anything else is logged and goes home as INTERNAL.
// Serves the bus (bus-transport.ts writes the headers) and HTTP; a controller's own filter comes before this one.
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { ERRORS, type ErrorCode, type Failure, failure, toFailure } from '../../contracts/errors.js';
import { errorFields, type Log } from './log.js';

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): unknown;
}

@Catch()
export class FailureFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(error: unknown, host: ArgumentsHost): Observable<never> | undefined {
    const known = asFailure(error);
    if (known.code === 'INTERNAL') this.log.error('handler.failed', errorFields(known.cause ?? known));
    if (host.getType() !== 'http') return throwError(() => known);
    const reply = host.switchToHttp().getResponse<Reply>();
    if (known.retryAfterS !== undefined) reply.header('Retry-After', String(known.retryAfterS));
    reply.status(known.http).send(known.toBody());
    return undefined;
  }
}

/** Nest's own refusals (an unknown path, a body that is no JSON) in our words. */
export function asFailure(error: unknown): Failure {
  const status = httpStatus(error);
  if (status === undefined || !(error instanceof Error)) return toFailure(error);
  return failure(codeOf(status), sentence(error.message), {}, error);
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Fastify's errors carry `statusCode`, Nest's a method. */
function httpStatus(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number')
    return error.statusCode;
  return undefined;
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'NOT_FOUND';
  const [code] = Object.entries(ERRORS).find(([, entry]) => entry.http === status) ?? [];
  return (code as ErrorCode | undefined) ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL');
}
