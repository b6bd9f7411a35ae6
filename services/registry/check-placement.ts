// What of an endpoint's placement cannot be met whatever the shards are: refused when somebody deploys, by the constraint's name. What
// depends on the shards of the moment is the planner's to refuse (placement.refused in the registry's log, `massif place`).
import { failure } from '../../contracts/errors.js';
import type { EndpointRecord } from '../../contracts/registry.js';

export function checkPlacement(
  { name, placement }: Pick<EndpointRecord, 'name' | 'placement'>,
  regions: readonly string[] | undefined,
): void {
  if (!placement || !regions) return;
  const refuse = (constraint: string, message: string) =>
    failure('PLACEMENT_REFUSED', message, { endpoint: name, constraint });
  const strangers = placement.regions?.filter((region) => !regions.includes(region)) ?? [];
  if (strangers.length > 0)
    throw refuse(
      'residency',
      `Residency: "${name}" is to lie in ${strangers.join(', ')}, and the mesh has ${regions.join(', ')}.`,
    );
  const { over = 'region', domains = 1 } = placement.spread ?? {};
  const allowed = placement.regions ?? regions;
  if (over === 'region' && domains > allowed.length)
    throw refuse(
      'spread',
      `Spread: "${name}" is to lie in ${domains} regions, and only ${allowed.join(', ')} may hold it.`,
    );
}
