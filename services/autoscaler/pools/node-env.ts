// What the process of a node finds in its environment: a shard host, or a trainer or compressor that carries out one job and ends. The
// pools that start processes themselves ask.
import { credentialsFor } from '../../mesh/credentials.js';
import type { MeshConfig } from '../../mesh/service-config.js';
import type { NodeJob } from './compute-pool.js';

/** Programs, as the machines of the pool see them. */
export interface NodePrograms {
  readonly shard: string;
  readonly train: string;
  readonly compress: string;
}

export interface NodePlace {
  readonly mesh: Omit<MeshConfig, 'restPort' | 'restHost'>;
  readonly programs: NodePrograms;
  readonly threads: number;
  readonly engineMib: number;
  /** Variables of trainers and compressors that were given to us for them. */
  readonly jobEnv: Readonly<Record<string, string>>;
}

const USERS = { train: 'trainer', compress: 'compressor' } as const;

export const programOf = ({ programs }: NodePlace, job?: NodeJob): string => programs[job?.kind ?? 'shard'];

export function nodeEnv(
  { mesh, threads, engineMib, jobEnv }: NodePlace,
  name: string,
  dataDir: string,
  job?: NodeJob,
): Record<string, string> {
  const user = job === undefined ? 'shard' : USERS[job.kind];
  return {
    MASSIF_NAME: name,
    MASSIF_REGION: mesh.region,
    MASSIF_HOME_REGION: mesh.homeRegion,
    MASSIF_REGIONS: mesh.regions.join(','),
    MASSIF_NATS_URL: mesh.natsUrl,
    MASSIF_CONSUL_URL: mesh.consulUrl,
    ...credentialsFor(mesh, user),
    MASSIF_KEYS: mesh.keysDir,
    MASSIF_DATA: dataDir,
    ...(job === undefined
      ? {
          MASSIF_SHARD_ENGINE_THREADS: String(threads),
          MASSIF_SHARD_ENGINE_MIB_MAX: String(engineMib),
        }
      : {
          ...jobEnv,
          [`MASSIF_${user.toUpperCase()}_THREADS`]: String(threads),
          MASSIF_JOBS: 'pools',
          MASSIF_JOB: job.id,
        }),
  };
}
