// The configuration that all services share, read from the environment once, before the first port opens. A service's own
// *.config.ts uses readEnv the same way; a bad value ends the process with exit code 64 (EX_USAGE) and a sentence.
import { join } from 'node:path';
import { z } from 'zod';
import { InstanceName, RegionName } from '../../contracts/names.js';

export interface MeshConfig {
  /** This process, unique among all regions: `shard-east-1`. */
  readonly instance: string;
  readonly region: string;
  /** Where specs are written; the other regions hold mirrors. */
  readonly homeRegion: string;
  readonly regions: readonly string[];
  readonly natsUrl: string;
  /** The file of this process's key on the bus (bus-key.ts); absent in development mode. */
  readonly natsKey?: string;
  readonly consulUrl: string;
  /** The file of this process's token for Consul (consul-token.ts); absent in development mode. */
  readonly consulToken?: string;
  readonly keysDir: string;
  readonly dataDir: string;
  /** A process without it opens no HTTP port; 0 lets the system choose. */
  readonly restPort?: number;
  /** The address that the HTTP port is open on; loopback when not given. */
  readonly restHost?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Its message names the variable, what it must be and what it was. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export const EXIT_CONFIG = 64;

/** Parses the variables that a schema names; an empty variable counts as absent. */
export function readEnv<T extends z.ZodObject>(schema: T, env: Environment): z.infer<T> {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .filter((name) => env[name])
      .map((name) => [name, env[name]]),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.map((issue) => {
    const name = issue.path.map(String).join('.');
    return `${name} ${issue.message}, got ${given[name] === undefined ? 'nothing' : `"${given[name]}"`}.`;
  });
  throw new ConfigError(sentences.join(' '));
}

/** A string that another schema accepts, with a sentence of ours when it does not. */
const like = (schema: z.ZodType<string>, sentence: string) =>
  z.string(sentence).refine((value) => schema.safeParse(value).success, sentence);

const region = () => like(RegionName, 'must be a region name such as east');

/** `development`: nobody shows who he is, on loopback alone. */
export const Auth = z.enum(['keys', 'development'], 'must be keys or development').default('keys');

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost)$/;
const isLoopback = (host: string): boolean => LOOPBACK.test(host);

const MeshEnvironment = z.object({
  MASSIF_AUTH: Auth,
  MASSIF_NAME: like(InstanceName, 'must be a process name such as shard-east-1'),
  MASSIF_REGION: region().default('east'),
  MASSIF_HOME_REGION: region().optional(),
  MASSIF_REGIONS: z
    .string()
    .transform((list) => list.split(',').map((name) => name.trim()))
    .refine((names) => names.every((name) => RegionName.safeParse(name).success), {
      error: 'must be region names with commas between them, such as east,west',
    })
    .optional(),
  MASSIF_NATS_URL: z
    .url({ protocol: /^(nats|tls)$/, error: 'must be a URL such as nats://127.0.0.1:4222' })
    .default('nats://127.0.0.1:4222'),
  MASSIF_NATS_KEY: z.string().optional(),
  MASSIF_CONSUL_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL such as http://127.0.0.1:8500' })
    .default('http://127.0.0.1:8500'),
  MASSIF_CONSUL_TOKEN: z.string().optional(),
  MASSIF_DATA: z.string().default('.massif'),
  MASSIF_KEYS: z.string().optional(),
  MASSIF_REST_PORT: z.coerce
    .number('must be a port between 0 and 65535')
    .int('must be a port between 0 and 65535')
    .min(0, 'must be a port between 0 and 65535')
    .max(65_535, 'must be a port between 0 and 65535')
    .optional(),
  MASSIF_REST_HOST: z.string().optional(),
});

/** Who shows nobody who he is does so in a mode with a name, among processes of one machine. */
function checkIdentity(read: z.infer<typeof MeshEnvironment>): void {
  const { MASSIF_AUTH: auth, MASSIF_REST_HOST: host = '127.0.0.1' } = read;
  if (auth === 'development' && !isLoopback(host))
    throw new ConfigError(
      `MASSIF_AUTH must be keys where MASSIF_REST_HOST is no loopback address, got "${host}".`,
    );
  const shown = { MASSIF_NATS_URL: read.MASSIF_NATS_KEY, MASSIF_CONSUL_URL: read.MASSIF_CONSUL_TOKEN };
  const needed = { MASSIF_NATS_URL: 'MASSIF_NATS_KEY', MASSIF_CONSUL_URL: 'MASSIF_CONSUL_TOKEN' } as const;
  for (const name of ['MASSIF_NATS_URL', 'MASSIF_CONSUL_URL'] as const) {
    if (shown[name] !== undefined) continue;
    if (auth === 'keys')
      throw new ConfigError(
        `${needed[name]} must name the file of this process's own, or MASSIF_AUTH must be development, got nothing.`,
      );
    if (!isLoopback(new URL(read[name]).hostname))
      throw new ConfigError(
        `${needed[name]} must name the file of this process's own where ${name} is no loopback address, got "${read[name]}".`,
      );
  }
}

export function readMeshConfig(env: Environment): MeshConfig {
  const read = readEnv(MeshEnvironment, env);
  const homeRegion = read.MASSIF_HOME_REGION ?? read.MASSIF_REGIONS?.[0] ?? read.MASSIF_REGION;
  const regions = read.MASSIF_REGIONS ?? [...new Set([homeRegion, read.MASSIF_REGION])];
  for (const name of [read.MASSIF_REGION, homeRegion])
    if (!regions.includes(name))
      throw new ConfigError(`MASSIF_REGIONS must contain "${name}", got "${regions.join(',')}".`);
  checkIdentity(read);
  return Object.freeze({
    instance: read.MASSIF_NAME,
    region: read.MASSIF_REGION,
    homeRegion,
    regions,
    natsUrl: read.MASSIF_NATS_URL,
    consulUrl: read.MASSIF_CONSUL_URL,
    dataDir: read.MASSIF_DATA,
    keysDir: read.MASSIF_KEYS ?? join(read.MASSIF_DATA, 'keys'),
    ...(read.MASSIF_NATS_KEY === undefined ? {} : { natsKey: read.MASSIF_NATS_KEY }),
    ...(read.MASSIF_CONSUL_TOKEN === undefined ? {} : { consulToken: read.MASSIF_CONSUL_TOKEN }),
    ...(read.MASSIF_REST_PORT === undefined ? {} : { restPort: read.MASSIF_REST_PORT }),
    ...(read.MASSIF_REST_HOST === undefined ? {} : { restHost: read.MASSIF_REST_HOST }),
  });
}
