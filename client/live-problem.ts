// The running mesh as a placement problem: shards as their heartbeats tell, endpoints with the rates that their replicas serve.
import { deviceClassOf, PlacementProblem } from '../contracts/placement.js';
import type { EndpointRecord, ModelSummary } from '../contracts/registry.js';
import type { z } from 'zod';
import { MEMORY_PER_BYTE } from '../services/mesh/placement/setting.js';
import type { ShardBeat } from './shard-beats.js';

// What a request costs before one was measured.
const SERVICE_MS = 10;

export function liveProblem(
  beats: readonly ShardBeat[],
  endpoints: readonly EndpointRecord[],
  models: readonly z.infer<typeof ModelSummary>[],
): PlacementProblem {
  const bytes = new Map(models.flatMap(({ versions }) => versions.map((one) => [one.digest, one.bytes])));
  const holders = (endpoint: EndpointRecord): { beat: ShardBeat['beat']; rate: number; itemMs: number }[] =>
    beats.flatMap(({ beat, ratePerS }) => {
      const mine = beat.replicas.filter(({ version }) =>
        endpoint.variants.some((v) => v.version === version),
      );
      if (mine.length === 0) return [];
      const rate = mine.reduce((sum, { id }) => sum + (ratePerS.get(id) ?? 0), 0);
      return [{ beat, rate, itemMs: Math.max(...mine.map(({ itemMs }) => itemMs ?? 0)) || SERVICE_MS }];
    });
  const shards = beats.map(({ beat }) => ({
    ...{
      id: beat.shard,
      region: beat.region,
      device: beat.device.kind,
      memoryBytes: beat.device.memoryBytes,
    },
    holds: endpoints.filter((one) => holders(one).some((held) => held.beat === beat)).map(({ name }) => name),
  }));
  const regions = [...new Set(shards.map(({ region }) => region))];
  return PlacementProblem.parse({
    shards,
    endpoints: endpoints.map((endpoint) => {
      const held = holders(endpoint);
      const size = endpoint.variants.reduce((sum, { version }) => sum + (bytes.get(version) ?? 0), 0);
      const serviceMs = Math.max(0.01, ...held.map(({ itemMs }) => itemMs));
      const devices = new Set([...held.map(({ beat }) => deviceClassOf(beat.device.kind)), 'cpu']);
      const groups = regions.map((region) => {
        const here = held.filter(({ beat }) => beat.region === region);
        const ratePerS = here.reduce((sum, { rate }) => sum + rate, 0);
        return { name: region, home: region, ratePerS, ...(here.length > 0 && { now: { [region]: 1 } }) };
      });
      return {
        ...{ name: endpoint.name, memoryBytes: Math.max(1, size * MEMORY_PER_BYTE), groups },
        runs: Object.fromEntries(
          [...devices].map((device) => [device, { serviceMs, ratePerS: 1_000 / serviceMs }]),
        ),
      };
    }),
  });
}
