import { expect, test } from 'vitest';
import { decode, encode } from '../onnx/model.js';
import { identity } from '../onnx/testing/identity.js';
import { ocrRecogniser, sileroVad } from '../onnx/testing/real-models.js';
import { describe, readCard } from './describe.js';

const bytes = (text: string) => new TextEncoder().encode(text);

test('real models are described as their callers must feed them', () => {
  expect(describe(sileroVad(), undefined, ['model.onnx']).inputs).toEqual([
    { name: 'input', datatype: 'FP32', shape: [-1, -1], dims: ['', ''] },
    { name: 'state', datatype: 'FP32', shape: [2, -1, 128], dims: ['', '', ''] },
    { name: 'sr', datatype: 'INT64', shape: [], dims: [] },
  ]);
  expect(describe(ocrRecogniser(), undefined, ['model.onnx'])).toMatchObject({
    inputs: [{ name: 'x', shape: [-1, 3, 48, -1] }],
    outputs: [{ shape: [-1, -1, 6625] }],
  });
});

test('an input that does not say how many dimensions it has is refused by name', () => {
  const model = decode(identity());
  const type = model.graph?.input[0]?.type?.value;
  if (type?.case === 'tensorType') delete type.value.shape;
  expect(() => describe(encode(model), undefined, [])).toThrow(
    'The input "x" does not say how many dimensions',
  );
});

test('a declared state that fits becomes part of the version, one that does not is refused at the push', () => {
  const card = (output: string) => bytes(JSON.stringify({ state: [{ input: 'state', output }] }));
  expect(describe(sileroVad(), card('stateN'), []).card.state).toEqual([
    { input: 'state', output: 'stateN', initial: 'zeros' },
  ]);
  expect(() => describe(sileroVad(), card('output'), [])).toThrow(
    expect.objectContaining({ code: 'MODEL_REFUSED' }),
  );
});

test('a card says what it says, and what it does not say has a default', () => {
  expect(readCard(bytes('{"licence":"MIT"}'))).toMatchObject({ licence: 'MIT', trustGroup: 'shared' });
  expect(readCard(undefined)).toMatchObject({ licence: 'unknown', ownEngine: false });
});

test('a card that is not JSON, not UTF-8 or not a card is refused with the field', () => {
  expect(() => readCard(bytes('{'))).toThrow('not JSON');
  expect(() => readCard(Uint8Array.of(0xff))).toThrow('not JSON in UTF-8');
  expect(() => readCard(bytes('{"parent":"me"}'))).toThrow('card.json: parent:');
});
