import { expect, test } from 'vitest';
import type { EndpointRecord } from '../../contracts/registry.js';
import { ScalingPolicy } from '../../contracts/scaling.js';
import { ScaledEndpoints } from './scaled-endpoints.js';

const endpoint = (name: string, scaling?: object): EndpointRecord => ({
  name,
  model: name,
  variants: [],
  salt: 'salt',
  assignment: 'user',
  replicasPerRegion: 1,
  timeoutMs: 1_000,
  ...(scaling && { scaling: ScalingPolicy.parse(scaling) }),
  updatedAt: '2026-11-26T00:00:00Z',
});

test('who sleeps from the beginning is looked at only when something else calls for it', () => {
  const endpoints = new ScaledEndpoints();
  endpoints.put(endpoint('unscaled'));
  endpoints.put(endpoint('asleep', { minReplicas: 0, initialReplicas: 0 }));
  endpoints.put(endpoint('undecided', { minReplicas: 0 }));
  endpoints.put(endpoint('kept', { minReplicas: 1 }));
  expect([...endpoints.all.keys()]).toEqual(['asleep', 'undecided', 'kept']);
  expect([...endpoints.restless.keys()]).toEqual(['undecided', 'kept']);
});

test('an endpoint that is scaled no more, or has gone, is not looked at', () => {
  const endpoints = new ScaledEndpoints();
  for (const name of ['a', 'b']) endpoints.put(endpoint(name, { minReplicas: 1 }));
  endpoints.put(endpoint('a'));
  endpoints.delete('b');
  expect([endpoints.all.size, endpoints.restless.size]).toEqual([0, 0]);
});
