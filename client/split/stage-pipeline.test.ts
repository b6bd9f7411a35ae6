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

test('what stages keep from step to step is neither asked of the caller nor sent to the next', () => {
  const whole = {
    inputs: [spec('x'), spec('past.0'), spec('past.1')],
    outputs: [spec('y'), spec('present.0'), spec('present.1')],
    card: {
      state: [0, 1].map((i) => ({ input: `past.${i}`, output: `present.${i}`, initial: 'zeros' as const })),
    },
  };
  const made = stagePipeline('d-split', '', whole, [
    { endpoint: 'one', inputs: ['x', 'past.0'], outputs: ['h', 'present.0'] },
    { endpoint: 'two', inputs: ['h', 'past.1'], outputs: ['y', 'present.1'] },
  ]);
  expect(made.inputs.map(({ name }) => name)).toEqual(['x']);
  expect(made.outputs).toEqual(['y']);
  expect(made.steps.map((step) => [step.in, step.out])).toEqual([
    [{ x: 'x' }, { h: 'h' }],
    [{ h: 'h' }, { y: 'y' }],
  ]);
});

test('a value that no stage makes is refused by its name', () => {
  const whole = { inputs: [spec('x')], outputs: [spec('y')] };
  expect(() =>
    stagePipeline('m-split', '', whole, [{ endpoint: 'one', inputs: ['ghost'], outputs: ['y'] }]),
  ).toThrow('No stage makes "ghost"');
});
