// How a process lives and dies: `await start({ services: [registryService] })` is a service's whole main.ts. Configuration comes
// first; then boot; on SIGTERM, SIGINT or a parent that is gone everything goes back the same road. Uncaught errors end it.
import { type BootOptions, boot, type Running, type ServiceDefinition } from './boot.js';
import { systemClock } from './clock.js';
import { giveBackWhenIdle } from './give-back.js';
import { errorFields, jsonLog } from './log.js';
import { ConfigError, EXIT_CONFIG, type MeshConfig, readMeshConfig } from './service-config.js';
import { BEHIND_REQUESTS, stepBack } from './step-back.js';

export type { ServiceDefinition } from './boot.js';

export interface StartOptions {
  readonly services: readonly ServiceDefinition[];
  /** From the environment when not given. */
  readonly config?: MeshConfig;
}

// Draining takes a moment; a process that hangs in it must not outlive its supervisor's patience.
const LEAVE_MS_MAX = 8_000;

export async function start({ services, config }: StartOptions): Promise<Running> {
  const given = config ?? configOrExit();
  const log = jsonLog(systemClock, { instance: given.instance, region: given.region });
  const fail = (event: string) => (error: unknown) => {
    if (error instanceof ConfigError) refuse(error);
    log.error(event, errorFields(error));
    process.exit(1);
  };
  process.on('uncaughtException', fail('process.uncaught'));
  process.on('unhandledRejection', fail('process.unhandled'));

  const options: BootOptions = { services, config: given, log };
  let running: Running | undefined;
  let leaving = false;
  const leave = (reason: string) => (): void => {
    if (leaving) return;
    leaving = true;
    log.info('process.leaving', { reason });
    systemClock.after(LEAVE_MS_MAX, () => process.exit(1));
    // Asked to leave before it was there, perhaps while it waits for its servers: nobody relies on it yet.
    if (!running) process.exit(0);
    running.stop().then(() => process.exit(0), fail('process.leaving.failed'));
  };
  process.on('SIGTERM', leave('SIGTERM'));
  process.on('SIGINT', leave('SIGINT'));
  // A child ends with its parent, however that ended.
  process.on('disconnect', leave('parent gone'));

  running = await boot(options).catch(fail('process.start.failed'));
  giveBackWhenIdle(systemClock);
  if (!services.some(({ carriesRequests }) => carriesRequests)) stepBack(BEHIND_REQUESTS);
  log.info('process.ready', { services: services.map((one) => one.name), restUrl: running.restUrl });
  process.send?.({ type: 'ready', ...(running.restUrl ? { restUrl: running.restUrl } : {}) });
  return running;
}

function configOrExit(): MeshConfig {
  try {
    // oxlint-disable-next-line node/no-process-env -- the one place where a service meets its environment
    return readMeshConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) refuse(error);
    throw error;
  }
}

function refuse(error: ConfigError): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(EXIT_CONFIG);
}
