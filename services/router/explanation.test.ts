import { expect, test } from 'vitest';
import { Explanation } from '../../contracts/explain.js';
import { PipelineRecord } from '../../contracts/pipeline.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import { systemRandom } from '../mesh/random.js';
import { type ReplicaView, route, type RouteRequest } from '../mesh/routing/route.js';
import { routePipeline } from '../mesh/routing/route-pipeline.js';
import { explain } from './explanation.js';

const endpoint = (name: string): EndpointRecord => ({
  name,
  model: name,
  variants: [{ version: name.repeat(64), label: '1', weight: 10_000 }],
  salt: 's',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 2_000,
  updatedAt: '2026-01-01T00:00:00Z',
});
const tensor = { datatype: 'FP32', shape: [-1] };
const chain = PipelineRecord.parse({
  name: 'chain',
  inputs: [{ name: 'x', ...tensor }],
  steps: ['a', 'b'].map((name) => ({
    name: `step-${name}`,
    endpoint: name,
    in: { x: 'x' },
    out: { y: name },
  })),
  outputs: ['b'],
  revision: 3,
  tensors: { x: tensor, a: tensor, b: tensor },
  updatedAt: '2026-01-01T00:00:00Z',
});

/** A view in which each of these endpoints has one replica. */
function viewOf(served: string) {
  const replica = (version: string): ReplicaView => ({
    id: `shard_${version[0]}`,
    shard: 'shard',
    region: 'east',
    version,
    ready: true,
    fresh: true,
    inFlight: 1,
    capacity: 10,
    latencyMs: 4,
    blocked: false,
    penalty: 0,
  });
  const table = {
    region: 'east',
    endpoint: (name: string) => ('ab'.includes(name) ? endpoint(name) : undefined),
    replicas: (version: string) => (served.includes(version[0] ?? '-') ? [replica(version)] : []),
  };
  const one = (request: RouteRequest) => route(table, request, systemRandom, true);
  return {
    ...table,
    pipeline: (name: string) => (name === 'chain' ? chain : undefined),
    route: (request: RouteRequest) =>
      request.endpoint === 'chain' ? routePipeline(chain, request, one) : one(request),
  } as unknown as Parameters<typeof explain>[0];
}

test('of a pipeline it says who takes each step, and who could', () => {
  const said = Explanation.parse(explain(viewOf('ab'), 'chain', {}));
  expect(said).toMatchObject({ endpoint: 'chain', label: '3', replica: 'shard_a' });
  expect(said.steps).toEqual([
    { step: 'step-a', endpoint: 'a', replica: 'shard_a' },
    { step: 'step-b', endpoint: 'b', replica: 'shard_b' },
  ]);
  expect(said.candidates.map(({ step, replica, verdict }) => [step, replica, verdict])).toEqual([
    ['step-a', 'shard_a', 'eligible'],
    ['step-b', 'shard_b', 'eligible'],
  ]);
  expect(said.version).toBeUndefined();
});

test('of a pipeline with a step that nobody serves it names the step, and the candidates of the others', () => {
  const said = Explanation.parse(explain(viewOf('a'), 'chain', {}));
  expect(said.refusal).toBe('NOT_READY');
  expect(said.reasons.at(-1)).toContain('"step-b"');
  expect(said.candidates.map(({ step }) => step)).toEqual(['step-a']);
  expect(said.replica).toBeUndefined();
});

test('of a model the answer has no steps', () => {
  const said = Explanation.parse(explain(viewOf('a'), 'a', {}));
  expect(said).toMatchObject({ label: '1', replica: 'shard_a' });
  expect(said.steps).toBeUndefined();
  expect(said.candidates[0]?.step).toBeUndefined();
});
