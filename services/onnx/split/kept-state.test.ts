// A decoder in stages: each keeps the keys and values of its own layers, no cut tears a layer, and together they write what the whole does.
import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import { decoder } from '../models/decoder.js';
import { openSession, type Tensors } from '../session.js';
import { float32, int64, type Tensor } from '../tensor.js';
import { splitModel } from './split-model.js';

const LAYERS = 4;
const HEADS = 2;
const onnx = decoder({
  vocabulary: 24,
  context: 32,
  width: 16,
  heads: HEADS,
  layers: LAYERS,
  seed: 5,
  cache: true,
});
const state = Array.from({ length: LAYERS }, (_, i) =>
  ['keys', 'values'].map((what) => ({ input: `past_${what}.${i}`, output: `present_${what}.${i}` })),
).flat();
const inputShapes = {
  ids: [1, 1],
  ...Object.fromEntries(state.map(({ input }) => [input, [1, HEADS, 1, 8]])),
};

/** Greedy: `count` tokens after a prompt, the state going from step to step by hand. */
async function written(stages: readonly Uint8Array[], count: number): Promise<number[]> {
  const sessions = await Promise.all(stages.map((stage) => openSession(stage, { optimisation: 'disabled' })));
  let kept: Tensors = Object.fromEntries(
    state.map(({ input }) => [input, float32([1, HEADS, 0, 8], new Float32Array())]),
  );
  const tokens: number[] = [];
  let ids = int64([1, 3], [1, 7, 4]);
  for (let i = 0; i < count; i++) {
    let values: Tensors = { ...kept, ids };
    for (const session of sessions) {
      const feeds = session.inputNames.map((name) => [name, values[name] as Tensor] as const);
      values = { ...values, ...(await session.run(Object.fromEntries(feeds))) };
    }
    kept = Object.fromEntries(state.map(({ input, output }) => [input, values[output] as Tensor]));
    const { data, dims } = values['scores'] as Tensor;
    const last = Array.from(data as Float32Array).slice(-(dims.at(-1) ?? 0));
    tokens.push(last.indexOf(Math.max(...last)));
    ids = int64([1, 1], [tokens.at(-1) ?? 0]);
  }
  await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  return tokens;
}

test('in 2, 3 and 4 stages it writes the same tokens, each layer with its own cache', async () => {
  const whole = await written([onnx], 12);
  expect(new Set(whole).size).toBeGreaterThan(1);
  for (const count of [2, 3, 4]) {
    const { stages } = await splitModel(Graph.read(onnx), count, { inputShapes, state });
    const inputs = stages.map((stage) => stage.inputs.map(({ name }) => name));
    const outputs = stages.map((stage) => stage.outputs.map(({ name }) => name));
    for (const { input, output } of state)
      expect(inputs.findIndex((names) => names.includes(input))).toBe(
        outputs.findIndex((names) => names.includes(output)),
      );
    expect(
      await written(
        stages.map((stage) => stage.write()),
        12,
      ),
    ).toEqual(whole);
  }
});

test('what is kept crosses no cut, and a cut that would tear a layer is none', async () => {
  const graph = Graph.read(onnx);
  const known = await splitModel(graph, 2, { inputShapes, state });
  const unknown = await splitModel(graph, 2, { inputShapes });
  const [at = 0] = known.plan.stages.slice(1).map(({ from }) => from);
  expect(known.problem.cuts.length).toBeLessThan(unknown.problem.cuts.length);
  expect(known.problem.cutBytes[at]).toBeLessThan(unknown.problem.cutBytes[at] ?? 0);
  const most = known.problem.cuts.length + 2;
  await expect(splitModel(graph, Math.min(most, 16), { inputShapes, state: torn })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
});

/** A state that the first node reads and the last one makes leaves no place to cut. */
const torn = [{ input: 'ids', output: 'scores' }];
