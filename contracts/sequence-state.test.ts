import { expect, test } from 'vitest';
import { checkState, initialState, STATE_BYTES_MAX, type StateTensor } from './sequence-state.js';
import type { TensorSpec } from './tensor-spec.js';

const spec = (name: string, shape: number[], datatype: TensorSpec['datatype'] = 'FP32'): TensorSpec => ({
  name,
  datatype,
  shape,
  dims: shape.map(() => ''),
});
const silero = {
  inputs: [spec('input', [-1, -1]), spec('state', [2, -1, 128]), spec('sr', [], 'INT64')],
  outputs: [spec('output', [-1, 1]), spec('stateN', [-1, -1, -1])],
};
const declared = (more: Partial<StateTensor> = {}): StateTensor[] => [
  { input: 'state', output: 'stateN', initial: 'zeros', ...more },
];

test('a state that fits begins as zeros, one row for each variable dimension', () => {
  checkState(declared(), silero);
  expect(initialState(declared(), silero)).toEqual([
    { name: 'state', datatype: 'FP32', shape: [2, 1, 128], data: new Float32Array(256) },
  ]);
  expect(initialState(declared({ shape: [2, 3, 128] }), silero)[0]?.data).toHaveLength(768);
});

test.each<[string, StateTensor[], RegExp]>([
  ['an unknown input', declared({ input: 'h' }), /"h", which the model does not have/],
  ['an unknown output', declared({ output: 'h' }), /"h", which the model does not have/],
  ['another datatype', declared({ input: 'sr' }), /FP32.*INT64/],
  ['a shape of another rank', declared({ shape: [2, 128] }), /begins "state"/],
  ['a shape against a fixed size', declared({ shape: [1, 1, 128] }), /begins "state"/],
  ['an output that is no such state', declared({ output: 'output' }), /cannot go on/],
  ['a name twice', [...declared(), ...declared()], /twice/],
  ['more bytes than an engine keeps', declared({ shape: [2, STATE_BYTES_MAX, 128] }), /limit/],
])('%s is refused with a sentence', (_, state, sentence) => {
  expect(() => checkState(state, silero)).toThrow(sentence);
});

test('a model whose every input is state is refused: a step would bring nothing', () => {
  const loop = { inputs: [spec('h', [4])], outputs: [spec('hN', [4])] };
  expect(() => checkState([{ input: 'h', output: 'hN', initial: 'zeros' }], loop)).toThrow(/every input/);
});
