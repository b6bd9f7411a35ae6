// Builds a process out of services: connect, make, listen, register; and the same road backwards. start.ts adds what belongs to
// the operating system; tests boot several in one process.
import type { INestApplication, INestMicroservice, Type } from '@nestjs/common';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { failure } from '../../contracts/errors.js';
import { type Bus, connectBus } from './bus.js';
import { BusTransport } from './bus-transport.js';
import { type Clock, systemClock } from './clock.js';
import { ConsulAgent } from './consul-agent.js';
import { readToken } from './consul-token.js';
import { ConsulDiscovery } from './discovery.js';
import { Endpoints } from './endpoints.js';
import { FailureFilter } from './failure-filter.js';
import { jsonLog, type Log } from './log.js';
import { MeshModule, type MeshParts } from './mesh.module.js';
import { NestLog } from './nest-log.js';
import { systemRandom } from './random.js';
import type { MeshConfig } from './service-config.js';
import { answerServicesProtocol } from './services-protocol.js';
import { Metrics } from './telemetry.js';
import { VERSION } from './version.js';

export interface ServiceDefinition {
  /** Letters, digits, `-`: its name in Consul and in the services protocol. */
  readonly name: string;
  readonly module: Type;
  readonly description?: string;
  /** Requests wait for it: its process does not step back for others. */
  readonly carriesRequests?: boolean;
  /** What Consul should know beside instance, region and version. */
  readonly meta?: (config: MeshConfig) => Readonly<Record<string, string>>;
  /** A service with controllers of HTTP; served when the process has a restPort. */
  readonly http?: HttpDoor;
}

export interface HttpDoor {
  /** Fastify's own options: limits, plugins that must be there before the first route. */
  readonly adapter?: (config: MeshConfig) => Promise<FastifyAdapter> | FastifyAdapter;
  readonly prepare?: (app: NestFastifyApplication) => Promise<void> | void;
}

export interface Running {
  readonly app: INestApplication | INestMicroservice;
  readonly parts: MeshParts;
  /** `http://127.0.0.1:8700`, when there is an HTTP door. */
  readonly restUrl: string | undefined;
  /** Deregisters, drains, closes. */
  stop(): Promise<void>;
}

export interface BootOptions {
  readonly services: readonly ServiceDefinition[];
  readonly config: MeshConfig;
  readonly clock?: Clock;
  readonly log?: Log;
}

// A server that is not there yet is waited for, and that should be seen in the log.
const PATIENCE_MS = 2_000;

export async function boot({ services, config, clock = systemClock, log }: BootOptions): Promise<Running> {
  const parts = await connectParts(services, config, clock, log);
  const started = new Date(clock.now()).toISOString();
  const transport = new BusTransport({
    bus: parts.bus,
    clock,
    log: parts.log,
    endpoints: parts.endpoints,
    names: { region: config.region, instance: config.instance },
  });
  const made = await makeApp(services, parts, transport).catch(async (error: unknown) => {
    await parts.bus.drain();
    throw error;
  });
  for (const { name, description = '' } of services)
    answerServicesProtocol(
      parts.bus.nc,
      {
        name,
        id: config.instance,
        version: VERSION,
        description,
        metadata: { region: config.region },
        started,
      },
      parts.endpoints,
    );
  await parts.bus.nc.flush();
  await Promise.all(
    services.map(({ name, meta }) =>
      parts.discovery.register({
        id: `${config.instance}.${name}`,
        service: name,
        tags: [config.region],
        meta: { instance: config.instance, region: config.region, version: VERSION, ...meta?.(config) },
      }),
    ),
  );
  const stop = async (): Promise<void> => {
    await parts.discovery.close();
    await made.app.close();
    parts.consul.close();
    await parts.bus.drain();
  };
  return { ...made, parts, stop };
}

async function connectParts(
  services: readonly ServiceDefinition[],
  config: MeshConfig,
  clock: Clock,
  given: Log | undefined,
): Promise<MeshParts> {
  const { instance, region } = config;
  const log = given ?? jsonLog(clock, { instance, region });
  const waiting = clock.after(PATIENCE_MS, () => log.warn('bus.waiting', { url: config.natsUrl }));
  const bus: Bus = await connectBus({ url: config.natsUrl, key: config.natsKey, name: instance, region });
  waiting();
  bus.onStatus((state) =>
    state === 'disconnected' ? log.warn('bus.disconnected') : log.info(`bus.${state}`),
  );
  const consul = new ConsulAgent(config.consulUrl, readToken(config.consulToken));
  return {
    config,
    bus,
    consul,
    discovery: new ConsulDiscovery({ agent: consul, clock, log }),
    clock,
    random: systemRandom,
    log,
    metrics: new Metrics({ instance, region }, clock),
    endpoints: new Endpoints(services.map((service) => service.name)),
  };
}

async function makeApp(
  services: readonly ServiceDefinition[],
  parts: MeshParts,
  strategy: BusTransport,
): Promise<Pick<Running, 'app' | 'restUrl'>> {
  const root = {
    module: ProcessModule,
    imports: [MeshModule.forRoot(parts), ...services.map((service) => service.module)],
  };
  const options = { logger: new NestLog(parts.log), abortOnError: false };
  const door = services.find((service) => service.http)?.http;
  if (!door || parts.config.restPort === undefined) {
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(root, { ...options, strategy });
    guard(app, parts.log);
    await app.listen();
    return { app, restUrl: undefined };
  }
  // Only a process with an HTTP door pays for Fastify.
  const fastify = await import('@nestjs/platform-fastify');
  const adapter = (await door.adapter?.(parts.config)) ?? new fastify.FastifyAdapter();
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, options);
  guard(app, parts.log);
  app.connectMicroservice<MicroserviceOptions>({ strategy }, { inheritAppConfig: true });
  await door.prepare?.(app);
  await app.startAllMicroservices();
  await app.listen(parts.config.restPort, parts.config.restHost ?? '127.0.0.1');
  return { app, restUrl: await app.getUrl() };
}

class ProcessModule {}

/** Without this pipe Nest ignores `{ schema }` in silence; without the filter a refusal loses its reason. */
function guard(app: INestApplication | INestMicroservice, log: Log): void {
  const exceptionFactory = (issues: readonly { message: string; path?: readonly unknown[] | undefined }[]) =>
    failure('BAD_REQUEST', issues.map(sentenceOf).join(' '), { issues });
  app.useGlobalPipes(new StandardSchemaValidationPipe({ exceptionFactory }));
  app.useGlobalFilters(new FailureFilter(log));
}

function sentenceOf(issue: { message: string; path?: readonly unknown[] | undefined }): string {
  const where = (issue.path ?? [])
    .map((step) => String(typeof step === 'object' && step !== null && 'key' in step ? step.key : step))
    .join('.');
  return where ? `${where}: ${issue.message}.` : `${issue.message}.`;
}
