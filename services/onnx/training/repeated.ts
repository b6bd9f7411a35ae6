// Several steps in one run: the training graph becomes the body of a Scan. For small models the way in and out of the
// runtime costs more than the step; 40 steps a run halve the time of a network of 235,000 weights.
import { GraphBuilder } from '../builder.js';
import { Graph } from '../graph.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';
import { tensorTypeOf } from '../value-info.js';
import type { TrainingGraph } from './training-graph.js';

const PREFIX = 'run/';

/** Data, rates and step numbers get a leading axis of `steps`. Throws MODEL_REFUSED where a size of the data varies. */
export function repeated(training: TrainingGraph, steps: number): TrainingGraph {
  const { graph, state, data, rate, step, loss } = training;
  const outer = new GraphBuilder({
    opset: graph.opset,
    name: 'steps',
    domains: Object.fromEntries(
      graph.model.opsetImport
        .filter(({ domain }) => domain !== '')
        .map(({ domain, version }) => [domain, Number(version)]),
    ),
  });
  const fed = state.map(({ input, initial }) => outer.input(PREFIX + input, initial.dataType, initial.dims));
  const perStep = [...data, rate, step].map((name) => {
    const { dataType, shape } = fixedType(graph, name);
    return outer.input(PREFIX + name, dataType, [steps, ...shape]);
  });
  const body = graph.proto;
  const inputs = new Map(body.input.map((input) => [input.name, input]));
  body.node = graph.ordered();
  body.input = [...state.map(({ input }) => input), ...data, rate, step].flatMap(
    (name) => inputs.get(name) ?? [],
  );
  const outputs = [...state.map(({ output }) => PREFIX + output), PREFIX + loss];
  outer.ops(
    'Scan',
    [...fed, ...perStep],
    outputs.length,
    { num_scan_inputs: perStep.length, body },
    { outputs },
  );
  for (const { output, initial } of state) outer.output(PREFIX + output, initial.dataType, initial.dims);
  outer.output(PREFIX + loss, T.FLOAT, [steps]);
  return { ...training, graph: new Graph(outer.build(), graph.external), stepsPerRun: steps, prefix: PREFIX };
}

function fixedType(graph: Graph, name: string): { dataType: T; shape: number[] } {
  const input = graph.inputs.find((one) => one.name === name);
  const type = tensorTypeOf(input?.type);
  const shape = type?.shape;
  if (type === undefined || shape === undefined || shape.some((dim) => typeof dim === 'string')) {
    throw refusal(`Several steps in one run need fixed sizes; those of "${clip(name)}" vary: bind them.`, {
      tensor: name,
      shape,
    });
  }
  return { dataType: type.dataType, shape: shape as number[] };
}
