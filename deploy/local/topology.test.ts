import { expect, test } from 'vitest';
import { planMesh } from './topology.js';

const at = { base: 7400, dir: '/mesh' };

test('one control process at home, an edge and a shard in each region', () => {
  expect(planMesh(at).services.map((service) => service.name)).toEqual([
    'control',
    'edge-east',
    'edge-west',
    'shard-east-1',
    'shard-west-1',
  ]);
});

test('taken apart, every service is a process of its own', () => {
  const { services } = planMesh({ ...at, apart: true, shardsPerRegion: 2 });
  expect(services.map((service) => service.name)).toEqual([
    'registry',
    'trainer',
    'compressor',
    'auditor',
    'autoscaler',
    'router-east',
    'gateway-east',
    'router-west',
    'gateway-west',
    'shard-east-1',
    'shard-east-2',
    'shard-west-1',
    'shard-west-2',
  ]);
  expect(
    services.filter((service) => service.env['MASSIF_REST_PORT'] !== undefined).map((s) => s.kind),
  ).toEqual(['gateway', 'gateway']);
});

test('a process is told its own region, its servers and a folder of its own', () => {
  const shard = planMesh(at).services.find((service) => service.name === 'shard-west-1');
  expect(shard?.env).toEqual({
    MASSIF_NATS_KEY: '/mesh/keys/nats/shard.nk',
    MASSIF_CONSUL_TOKEN: '/mesh/keys/consul/shard.token',
    MASSIF_REGION: 'west',
    MASSIF_HOME_REGION: 'east',
    MASSIF_REGIONS: 'east,west',
    MASSIF_NATS_URL: 'nats://127.0.0.1:7411',
    MASSIF_CONSUL_URL: 'http://127.0.0.1:7414',
    MASSIF_AUTH: 'keys',
    MASSIF_NAME: 'shard-west-1',
    MASSIF_DATA: '/mesh/data/shard-west-1',
    MASSIF_KEYS: '/mesh/keys',
  });
});

test('in development mode no process shows who it is', () => {
  for (const { env } of planMesh({ ...at, development: true }).services)
    expect([env['MASSIF_NATS_KEY'], env['MASSIF_CONSUL_TOKEN']]).toEqual([undefined, undefined]);
});
