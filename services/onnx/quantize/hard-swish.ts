// The hard swish as exporters write it, x clip(x + 3, 0, 6) / 6 in four nodes, becomes HardSigmoid and a product: the same numbers in half the
// passes over the map (Howard et al., MobileNetV3, 2019). Quantization prepares models with it.
import type { Graph } from '../graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { floatValues } from '../tensor.js';

/** Works in place; answers change by rounding alone. */
export function joinHardSwish(graph: Graph): void {
  for (const clip of Array.from(graph.nodes)) {
    const found = clip.opType === 'Clip' ? hardSwishAround(graph, clip) : undefined;
    if (found === undefined) continue;
    const { input, nodes, output } = found;
    graph.remove(nodes);
    const [gate = ''] = graph.add('HardSigmoid', [input], { alpha: 1 / 6, beta: 0.5 }).output;
    graph.add('Mul', [input, gate], {}, [output]);
  }
}

function hardSwishAround(graph: Graph, clip: NodeProto) {
  const [raised = '', least = '', most = ''] = clip.input;
  const add = graph.producer(raised);
  const mul = graph.onlyConsumer(clip.output[0] ?? '');
  const div = graph.onlyConsumer(mul?.output[0] ?? '');
  if (add?.opType !== 'Add' || mul?.opType !== 'Mul' || div === undefined) return undefined;
  if (graph.onlyConsumer(raised) !== clip || number(graph, least) !== 0 || number(graph, most) !== 6)
    return undefined;
  const input = add.input.find((name) => number(graph, name) === undefined);
  const three = add.input.find((name) => name !== input);
  if (input === undefined || !mul.input.includes(input) || number(graph, three) !== 3) return undefined;
  if (div.opType !== 'Div' || div.input[0] !== mul.output[0] || number(graph, div.input[1]) !== 6)
    return undefined;
  return { input, nodes: [add, clip, mul, div], output: div.output[0] ?? '' };
}

/** Undefined where it is no constant, or not one number. */
function number(graph: Graph, name = ''): number | undefined {
  const tensor = name === '' ? undefined : graph.constant(name);
  return tensor === undefined || tensor.data.length !== 1 ? undefined : floatValues(tensor)[0];
}
