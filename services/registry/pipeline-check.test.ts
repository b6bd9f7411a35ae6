import { expect, test } from 'vitest';
import type { z } from 'zod';
import type { Failure } from '../../contracts/errors.js';
import { PipelineSpec } from '../../contracts/pipeline.js';
import type { Datatype, TensorSpec } from '../../contracts/tensor-spec.js';
import { checkPipeline, type SignaturesOf } from './pipeline-check.js';

const tensor = (name: string, shape: number[], datatype: Datatype = 'FP32'): TensorSpec => ({
  name,
  datatype,
  shape,
  dims: shape.map(() => ''),
});
const half = { label: '1', inputs: [tensor('x', [-1, 8])], outputs: [tensor('y', [-1, 8])] };
const signatures: SignaturesOf = (endpoint) =>
  ({
    half: [half],
    pair: [
      { label: '1', inputs: [tensor('a', [-1, 8]), tensor('b', [-1, 8])], outputs: [tensor('y', [-1, 1])] },
    ],
    keeper: [
      {
        label: '1',
        inputs: [tensor('x', [-1, 8]), tensor('s', [1, 8])],
        outputs: [tensor('y', [-1, 8]), tensor('sN', [1, 8])],
        state: [{ input: 's', output: 'sN', initial: 'zeros' as const }],
      },
    ],
    ints: [{ ...half, inputs: [tensor('x', [-1, 8], 'INT64')] }],
    split: [half, { ...half, label: '2', inputs: [tensor('x', [-1, 9])] }],
    detector: [
      { label: '1', inputs: [tensor('x', [-1, 3, -1, -1])], outputs: [tensor('m', [-1, 1, -1, -1])] },
    ],
    reader: [{ label: '1', inputs: [tensor('x', [-1, 3, 48, -1])], outputs: [tensor('y', [-1, -1, 97])] }],
  })[endpoint];

type Spec = z.input<typeof PipelineSpec>;
type Step = Spec['steps'][number];
const step = (name: string, from: string, to: string, more: Partial<Step> = {}): Step => ({
  name,
  endpoint: 'half',
  in: { x: from },
  out: { y: to },
  ...more,
});
const check = (steps: Step[], more: Partial<Spec> = {}) =>
  checkPipeline(
    PipelineSpec.parse({
      name: 'p',
      inputs: [{ name: 'in', datatype: 'FP32', shape: [-1, 8] }],
      steps,
      outputs: ['out'],
      ...more,
    }),
    signatures,
  );
const refusal = (steps: Step[], more: Partial<Spec> = {}): string => {
  try {
    check(steps, more);
  } catch (error) {
    const { code, message, step: where } = error as Failure;
    expect(code).toBe('PIPELINE_REFUSED');
    return `${where ?? '-'}: ${message}`;
  }
  return 'accepted';
};

test('a step whose state gets no tensor keeps it: the pipeline is called in sequences, not in rows, and once an endpoint', () => {
  const keeper = (name: string, from: string, to: string, more: Partial<Step> = {}) =>
    step(name, from, to, { endpoint: 'keeper', ...more });
  expect(check([keeper('a', 'in', 'out')]).stateful).toBe(true);
  const given = { in: { x: 'in', s: 'state' }, out: { y: 'out', sN: 'next' } };
  const inputs = [
    { name: 'in', datatype: 'FP32' as const, shape: [-1, 8] },
    { name: 'state', datatype: 'FP32' as const, shape: [1, 8] },
  ];
  expect(check([keeper('a', 'in', 'out', given)], { inputs }).stateful).toBeUndefined();
  expect(refusal([keeper('a', 'in', 'b'), keeper('b', 'b', 'out')])).toMatch(/^b: .*two states/);
  expect(refusal([keeper('a', 'in', 'out')], { microBatch: 2 })).toMatch(/^a: .*rows/);
  expect(refusal([keeper('a', 'in', 'out', { rows: { of: ['in'], run: 'each' } })])).toMatch(/^a: .*rows/);
});

test('stages of a model need no processing, and every tensor gets its type', () => {
  const { tensors } = check([step('first', 'in', 'middle'), step('second', 'middle', 'out')]);
  expect(tensors['middle']).toEqual({ datatype: 'FP32', shape: [-1, 8] });
});

test('micro-batches are for pipelines of models alone, with rows from the caller to the answer', () => {
  const stages = [step('first', 'in', 'middle'), step('second', 'middle', 'out')];
  expect(check(stages, { microBatch: 4 }).microBatch).toBe(4);
  const fixed = [{ name: 'in', datatype: 'FP32' as const, shape: [2, 8] }];
  expect(refusal(stages, { microBatch: 4, inputs: fixed })).toMatch(/need rows: .*"in"/);
  const rows = { of: ['in'], run: 'each' as const };
  expect(refusal([step('a', 'in', 'out', { rows })], { microBatch: 4 })).toMatch(/^a: .*a model alone/);
});

test('steps may be declared in any order, and a diamond runs one branch after the other', () => {
  const steps = [
    { name: 'join', endpoint: 'pair', in: { a: 'left', b: 'right' }, out: { y: 'out' } },
    step('right', 'top', 'right'),
    step('top', 'in', 'top'),
    step('left', 'top', 'left'),
  ];
  expect(check(steps).steps.map(({ name }) => name)).toEqual(['top', 'right', 'left', 'join']);
});

test('what cannot work is refused by the name of the step', () => {
  expect(refusal([step('a', 'in', 'out', { endpoint: 'nothing' })])).toMatch(/^a: .*no endpoint "nothing"/);
  expect(refusal([step('a', 'nothing', 'out')])).toMatch(/^a: .*"nothing", which nobody makes/);
  expect(refusal([step('a', 'late', 'out'), step('b', 'out', 'late')])).toMatch(
    /^a: .*wait for each other.*"a", "b"/,
  );
  expect(refusal([step('a', 'in', 'out'), step('b', 'in', 'out')])).toMatch(
    /^b: .*"out", which is made by "a"/,
  );
  expect(refusal([step('a', 'in', 'in')])).toMatch(/^a: .*"in", which is an input already/);
  expect(refusal([step('a', 'in', 'out'), step('a', 'in', 'b')])).toMatch(/^-: .*two steps "a"/);
  expect(refusal([step('a', 'in', 'out', { endpoint: 'ints' })])).toMatch(
    /^a: .*FP32 \[-1,8\].*INT64 \[-1,8\]/,
  );
  expect(refusal([step('a', 'in', 'out', { endpoint: 'split' })])).toMatch(
    /^a: .*split 2 takes FP32 \[-1,9\]/,
  );
  expect(refusal([step('a', 'in', 'out', { in: { x: 'in', z: 'in' } })])).toMatch(/^a: .*not "z"/);
  expect(refusal([step('a', 'in', 'out', { out: { y: 'out', z: 'more' } })])).toMatch(/^a: .*not "z"/);
  expect(refusal([step('a', 'in', 'out', { in: {} })])).toMatch(/^a: .*input "x" of half 1 gets no tensor/);
  expect(refusal([step('a', 'in', 'out')], { outputs: ['none'] })).toMatch(/^-: .*output "none"/);
});

test('functions are known, fed with what they take and given parameters that they have', () => {
  const image = { inputs: [{ name: 'in', datatype: 'UINT8' as const, shape: [-1, -1, 3] }] };
  const detect = (use: string, parameters: Record<string, unknown> = {}, from = 'in'): Step => ({
    name: 'detect',
    endpoint: 'detector',
    before: [{ use, with: parameters, in: { image: from }, out: { x: 'x' } }],
    in: { x: 'x' },
    out: { m: 'out' },
  });
  expect(refusal([detect('image-input')], image)).toBe('accepted');
  expect(refusal([detect('shell')], image)).toMatch(/^detect: .*no function "shell"/);
  expect(refusal([detect('image-input', { sideMax: 1e9 })], image)).toMatch(/^detect: .*sideMax/);
  expect(refusal([detect('image-input', { colour: 1 })], image)).toMatch(/^detect: .*parameters/);
  expect(refusal([detect('image-input')])).toMatch(/^detect: .*FP32 \[-1,8\].*takes UINT8/);
  const [applied] = check([detect('image-input')], image).steps;
  expect(applied?.before[0]?.with).toMatchObject({ sideMax: 960, order: 'bgr' });
});

test('rows that run by themselves are seen one by one inside the step, and together after it', () => {
  const { tensors } = check(
    [
      {
        name: 'read',
        endpoint: 'reader',
        before: [{ use: 'line-input', in: { lines: 'lines', widths: 'widths' }, out: { x: 'x' } }],
        in: { x: 'x' },
        out: { y: 'y' },
        after: [{ use: 'ctc-text', in: { y: 'y' }, out: { text: 'out' } }],
        rows: { of: ['lines', 'widths'], run: 'each' },
      },
    ],
    {
      inputs: [
        { name: 'lines', datatype: 'UINT8', shape: [-1, 48, -1, 3] },
        { name: 'widths', datatype: 'INT32', shape: [-1] },
      ],
    },
  );
  expect(tensors['out']).toEqual({ datatype: 'BYTES', shape: [-1] });
});
