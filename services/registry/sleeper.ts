// Whether an endpoint wants no place until the autoscaler says so: of ten thousand registered ones the placer looks at those that do.
import type { EndpointRecord } from '../../contracts/registry.js';

export const isSleeper = ({ scaling, placement, pins, variants }: EndpointRecord): boolean =>
  scaling?.initialReplicas === 0 &&
  !scaling.dryRun &&
  !placement &&
  !pins &&
  variants.every(({ replicas }) => !replicas);
