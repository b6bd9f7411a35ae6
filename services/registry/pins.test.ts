import { expect, test } from 'vitest';
import { anEndpoint } from './testing/records.js';
import { checkPin } from './pins.js';
import { checkPlacement } from './check-placement.js';

const GIB = 2 ** 30;
const shard = (more: object = {}) => ({
  shard: 'shard-east-1',
  region: 'east',
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
    [undefined, {}, 4 * GIB, 'memory'],
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
