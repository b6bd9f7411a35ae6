// The REST door's last word on whatever a handler throws: our codes, our statuses, and the code for the access log.
import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorFields, type Log } from '../mesh/log.js';
import { LOG } from '../mesh/tokens.js';
import { AccessLog } from './access-log.js';
import { failureOf, httpAnswer } from './http-failure.js';

@Catch()
export class HttpFailureFilter implements ExceptionFilter {
  constructor(
    @Inject(AccessLog) private readonly access: AccessLog,
    @Inject(LOG) private readonly log: Log,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const access = this.access.of(request);
    // Nobody is there to be told.
    if (access.gone.aborted) return;
    const reason = failureOf(error, request);
    access.code = reason.code;
    if (reason.code === 'INTERNAL')
      this.log.error('http.failed', { requestId: access.requestId, ...errorFields(reason.cause ?? reason) });
    const { status, headers, body } = httpAnswer(reason);
    void reply.code(status).headers(headers).send(body);
  }
}
