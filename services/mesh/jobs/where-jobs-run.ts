// Where the jobs of a trainer or a compressor run, as their environment says: both read it the same way.
import { z } from 'zod';
import { type Environment, readEnv } from '../service-config.js';
import { JobId } from '../../../contracts/job.js';

export interface WhereJobsRun {
  readonly runsOn: 'trainers' | 'pools';
  /** The one job that this process was started for. */
  readonly only: { readonly id: string; readonly end: () => void } | undefined;
}

const JobsEnvironment = z.object({
  MASSIF_JOBS: z.enum(['trainers', 'pools'], 'must be trainers or pools').default('trainers'),
  MASSIF_JOB: z
    .string()
    .refine((id) => JobId.safeParse(id).success, 'must be the id of a job')
    .optional(),
});

export function readWhereJobsRun(env: Environment): WhereJobsRun {
  const { MASSIF_JOBS: runsOn, MASSIF_JOB: id } = readEnv(JobsEnvironment, env);
  // The same road out as for anybody else who ends us.
  const end = (): void => void process.kill(process.pid, 'SIGTERM');
  return { runsOn, only: id === undefined ? undefined : { id, end } };
}
