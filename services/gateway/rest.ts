// The REST door as a whole: Fastify with our limits, no body parsing but our own, and every answer with the request id, also
// those that no controller gives (no such path, malformed address, broken HTTP).
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { failure } from '../../contracts/errors.js';
import { headers } from '../../contracts/headers.js';
import type { HttpDoor } from '../mesh/boot.js';
import { AccessLog } from './access-log.js';
import { failureOf, httpAnswer, noSuchRoute } from './http-failure.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { Guard } from './identity/guard.js';
import { neededAtRest } from './identity/permission.js';

// Names have up to 128 characters, each up to three once percent-encoded; Fastify's own limit is 100.
const PARAMETER_LENGTH_MAX = 512;
// Node's limits for slow senders: a head within 10 s, a whole request within a minute.
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;

const OPTIONS: FastifyHttpOptions<Server> = {
  // `/v2/` is a path of the protocol.
  routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX, ignoreTrailingSlash: true },
  requestTimeout: REQUEST_TIMEOUT_MS,
  http: { headersTimeout: HEADERS_TIMEOUT_MS },
  forceCloseConnections: 'idle',
  // Without it Fastify answers in its own words, before any hook: the address does not even decode.
  frameworkErrors: (error, request, reply) => {
    const answer = httpAnswer(failureOf(error, { method: request.method, url: request.url }));
    void (reply as unknown as FastifyReply).code(answer.status).headers(answer.headers).send(answer.body);
  },
  clientErrorHandler: (error, socket) => refuseBrokenHttp(error, socket),
};

export const restDoor: HttpDoor = {
  adapter: () => new FastifyAdapter(OPTIONS),
  prepare: async (app) => {
    // Nest adds its own parsers during init, so ours come after.
    await app.init();
    openDoor(app);
  },
};

function openDoor(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
  const access = app.get(AccessLog);
  const filter = app.get(HttpFailureFilter);
  const guard = app.get(Guard);
  // Handlers read the body themselves (body-reader.ts), so that the limit holds while reading and inflating.
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
  fastify.addHook('onRequest', (request, reply, done) => {
    access.begin(request, reply);
    if (request.is404) {
      filter.answer(noSuchRoute(request), request, reply);
      return;
    }
    try {
      admit(guard, request, reply);
    } catch (error) {
      filter.answer(error, request, reply);
      return;
    }
    done();
  });
}

/** From here on the request is of the key's tenant, whatever it said. */
function admit(guard: Guard, request: FastifyRequest, reply: FastifyReply): void {
  const given = request.headers[TENANT];
  const { authorization } = request.headers;
  const presented = { authorization, tenant: given === undefined ? undefined : String(given) };
  const { tenant, key, leave } = guard.admit(presented, neededAtRest(request.method, request.url));
  if (tenant !== undefined) request.headers[TENANT] = tenant;
  if (tenant !== undefined && key !== undefined) request.headers[CALLER] = `${key} ${tenant}`;
  reply.raw.once('close', leave);
}
const TENANT = headers.tenant.toLowerCase();
const CALLER = headers.caller.toLowerCase();

/** What the HTTP parser itself refuses never becomes a request; the caller still gets a coded answer. */
function refuseBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy(error);
  const reason =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? failure('TOO_LARGE', 'The headers have more than 16 KiB.')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? failure('DEADLINE', 'The request did not arrive in time.')
        : failure('BAD_REQUEST', 'This is not HTTP as we read it.');
  const { status, body } = httpAnswer(reason);
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${reason.code}\r\n${headers.errorCode}: ${reason.code}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}
