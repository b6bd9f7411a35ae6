import { expect, test } from 'vitest';
import { anEndpoint } from './testing/records.js';
import { checkPin } from './pins.js';
import { checkPlacement } from './check-placement.js';
import { LinkMeter } from '../mesh/link-meter.js';

const GIB = 2 ** 30;
const shard = (more: object = {}) => ({
  ...{ shard: 'shard-east-1', region: 'east' },
  device: { kind: 'cpu', cores: 1, memoryBytes: 4 * GIB, ...more },
});
const record = (placement?: object) => ({
  ...anEndpoint('ocr', { v1: 10_000 }),
  ...(placement && { placement: { policy: 'user' as const, ...placement } }),
});

test('a pin is refused by the constraint that the shard does not meet', () => {
  const refused = (placement: object | undefined, device: object, bytes: number) => {
    try {
      checkPin(record(placement), shard(device), () => bytes);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(refused(undefined, {}, 1)).toBeUndefined();
  const cases: [object | undefined, object, number, string][] = [
    [{ regions: ['west'] }, {}, 1, 'residency'],
    [undefined, { pool: 'gold' }, 1, 'pool'],
    [{ devices: ['cuda'] }, {}, 1, 'pool'],
    [undefined, {}, 2 * GIB, 'memory'],
  ];
  for (const [placement, device, bytes, constraint] of cases)
    expect(refused(placement, device, bytes)).toMatchObject({
      code: 'PLACEMENT_REFUSED',
      fields: { constraint },
    });
});

test('a deployment that contradicts the mesh is refused by the constraint', () => {
  const check = (placement: object) => () => checkPlacement(record(placement), ['east', 'west']);
  expect(check({ regions: ['east'] })).not.toThrow();
  expect(check({ regions: ['east', 'mars'] })).toThrow('Residency: "ocr" is to lie in mars');
  expect(check({ regions: ['east'], spread: { over: 'region', domains: 2, survives: 0 } })).toThrow(
    'Spread: "ocr" is to lie in 2 regions',
  );
});

test('a link has the shortest of its last round trips, unless an operator named one', async () => {
  let nowMs = 0;
  const times = [12, 7, 30];
  const ask = async (): Promise<void> => {
    nowMs += times.shift() ?? 0;
  };
  const shards = [
    { id: 'a', region: 'east' },
    { id: 'b', region: 'west' },
  ];
  const declared = [{ between: ['west', 'east'] as [string, string], class: 'dedicated' as const }];
  const meter = new LinkMeter('east', declared, ask, () => nowMs);
  const free = new LinkMeter('east', [], ask, () => nowMs);
  expect(meter.links()).toEqual(declared);
  for (let i = 0; i < 3; i++) await meter.measure(shards);
  expect(meter.links()).toEqual([{ ...declared[0], latencyMs: 7 }]);
  times.push(9);
  await free.measure(shards);
  expect(free.links()).toEqual([{ between: ['east', 'west'], class: 'internet', latencyMs: 9 }]);
  const named = new LinkMeter('east', [{ ...declared[0]!, latencyMs: 3 }], ask, () => nowMs);
  await named.measure(shards);
  expect(named.links()[0]?.latencyMs).toBe(3);
});
