// Whether an endpoint can sleep so deeply that nobody needs to look at it: of ten thousand registered ones a few hundred are awake,
// and a look at the others four times a second would be all that an autoscaler does.
import type { EndpointRecord } from '../../contracts/registry.js';
import type { ScalingPolicy } from '../../contracts/scaling.js';

export type Scaled = EndpointRecord & { readonly scaling: ScalingPolicy };

/** Nothing but a request, or the forecast of one, ever wakes it. */
export const mayDoze = ({ minReplicas, pin, schedules, metric, dryRun }: ScalingPolicy): boolean =>
  minReplicas === 0 && pin === undefined && !schedules && !metric && !dryRun;

export const livesIn = ({ placement }: Scaled, region: string): boolean =>
  placement?.regions?.includes(region) ?? true;
