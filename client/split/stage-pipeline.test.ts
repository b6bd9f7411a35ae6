import { expect, test } from 'vitest';
import { PipelineSpec } from '../../contracts/pipeline.js';
import { stagePipeline } from './stage-pipeline.js';

const spec = (name: string) => ({ name, datatype: 'FP32' as const, shape: [-1, 3], dims: ['n', ''] });

test('each stage is a step that takes what is fed or made before, under the names of the whole', () => {
  const long = `block/${'x'.repeat(200)}`;
  const whole = { inputs: [spec('x'), spec('mask')], outputs: [spec('y')] };
  const made = PipelineSpec.parse(
    stagePipeline('m-split', 'm v1 in 2 stages', whole, [
      { endpoint: 'm-split-stage-1-of-2', inputs: ['x'], outputs: [long] },
      { endpoint: 'm-split-stage-2-of-2', inputs: [long, 'mask'], outputs: ['y'] },
    ]),
  );
  const crossing = made.steps[0]?.out[long] ?? '';
  expect(crossing.length).toBeLessThanOrEqual(128);
  expect(made.steps[1]?.in).toEqual({ [long]: crossing, mask: 'mask' });
  expect([made.inputs.map(({ name }) => name), made.outputs]).toEqual([['x', 'mask'], ['y']]);
});

test('a value that no stage makes is refused by its name', () => {
  const whole = { inputs: [spec('x')], outputs: [spec('y')] };
  expect(() =>
    stagePipeline('m-split', '', whole, [{ endpoint: 'one', inputs: ['ghost'], outputs: ['y'] }]),
  ).toThrow('No stage makes "ghost"');
});
