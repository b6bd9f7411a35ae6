import { expect, test } from 'vitest';
import { replicaMemory } from './replica-memory.js';

test('weights beside the graph are reserved about once, what lies in the graph as the copies that a session makes', () => {
  const graph = { name: 'model.onnx', bytes: 1_000 };
  expect(replicaMemory([graph])).toBe(2_500);
  expect(replicaMemory([graph, { name: 'weights.bin', bytes: 1_000_000 }])).toBe(1_202_500);
});
