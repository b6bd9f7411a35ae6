import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, readEnv, readMeshConfig } from './service-config.js';

const least = { MASSIF_NAME: 'shard-east-1', MASSIF_AUTH: 'development' };

test('a name is enough, everything else has a default', () => {
  expect(readMeshConfig(least)).toEqual({
    instance: 'shard-east-1',
    region: 'east',
    homeRegion: 'east',
    regions: ['east'],
    natsUrl: 'nats://127.0.0.1:4222',
    consulUrl: 'http://127.0.0.1:8500',
    dataDir: '.massif',
    keysDir: '.massif/keys',
  });
});

test('every variable is read', () => {
  const config = readMeshConfig({
    ...least,
    MASSIF_REGION: 'west',
    MASSIF_HOME_REGION: 'east',
    MASSIF_REGIONS: 'east, west',
    MASSIF_NATS_URL: 'nats://127.0.0.1:1',
    MASSIF_CONSUL_URL: 'http://127.0.0.1:2',
    MASSIF_AUTH: 'keys',
    MASSIF_NATS_KEY: '/keys/nats/edge.nk',
    MASSIF_CONSUL_TOKEN: '/keys/consul/edge.token',
    MASSIF_DATA: '/data',
    MASSIF_KEYS: '/keys',
    MASSIF_REST_PORT: '0',
    MASSIF_REST_HOST: '0.0.0.0',
  });
  expect(config).toMatchObject({
    region: 'west',
    homeRegion: 'east',
    regions: ['east', 'west'],
    keysDir: '/keys',
  });
  expect(config).toMatchObject({ restPort: 0, restHost: '0.0.0.0', natsUrl: 'nats://127.0.0.1:1' });
});

test('without a home region the first of the list is home', () => {
  expect(readMeshConfig({ ...least, MASSIF_REGION: 'west', MASSIF_REGIONS: 'east,west' }).homeRegion).toBe(
    'east',
  );
});

test('who shows no key says so by the name of the mode, and speaks to his own machine alone', () => {
  const { MASSIF_NAME } = least;
  const key = { MASSIF_NATS_KEY: '/keys/nats/shard.nk' };
  expect(() => readMeshConfig({ MASSIF_NAME })).toThrow(/^MASSIF_NATS_KEY must name the file/);
  expect(() => readMeshConfig({ MASSIF_NAME, ...key })).toThrow(/^MASSIF_CONSUL_TOKEN must name the file/);
  expect(() => readMeshConfig({ ...least, MASSIF_NATS_URL: 'nats://10.0.0.7:4222' })).toThrow(
    /^MASSIF_NATS_KEY .* where MASSIF_NATS_URL is no loopback address/,
  );
  expect(() => readMeshConfig({ ...least, ...key, MASSIF_CONSUL_URL: 'http://consul:8500' })).toThrow(
    /^MASSIF_CONSUL_TOKEN .* where MASSIF_CONSUL_URL is no loopback address/,
  );
  expect(() => readMeshConfig({ ...least, MASSIF_REST_HOST: '0.0.0.0' })).toThrow(
    /^MASSIF_AUTH must be keys where MASSIF_REST_HOST is no loopback address, got "0.0.0.0"/,
  );
});

test.each([
  [{ MASSIF_NAME: 'Shard 1' }, 'MASSIF_NAME must be a process name such as shard-east-1, got "Shard 1".'],
  [{}, 'MASSIF_NAME must be a process name such as shard-east-1, got nothing.'],
  [
    { ...least, MASSIF_REST_PORT: 'http' },
    'MASSIF_REST_PORT must be a port between 0 and 65535, got "http".',
  ],
  [
    { ...least, MASSIF_REST_PORT: '70000' },
    'MASSIF_REST_PORT must be a port between 0 and 65535, got "70000".',
  ],
  [
    { ...least, MASSIF_NATS_URL: 'localhost' },
    'MASSIF_NATS_URL must be a URL such as nats://127.0.0.1:4222, got "localhost".',
  ],
  [
    { ...least, MASSIF_REGIONS: 'east,,West' },
    'MASSIF_REGIONS must be region names with commas between them, such as east,west, got "east,,West".',
  ],
  [
    { ...least, MASSIF_REGION: 'north', MASSIF_REGIONS: 'east,west' },
    'MASSIF_REGIONS must contain "north", got "east,west".',
  ],
])('a bad value is refused with a sentence: %j', (env, sentence) => {
  expect(() => readMeshConfig(env)).toThrow(new ConfigError(sentence));
});

test('an empty variable counts as absent', () => {
  const schema = z.object({ A_MS: z.coerce.number().default(7) });
  expect(readEnv(schema, { A_MS: '' })).toEqual({ A_MS: 7 });
});
