// Bodies: If, Loop and Scan. What differs between branches or from turn to turn is not known beforehand.
import { graphOf, intOf, intsOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Dim } from '../value-info.js';
import { typed, type Inferred, type Question, type Rule, type Rules } from './rule.js';

/** What holds for both: equal sizes stay, others are unknown. */
function both(question: Question, a: Inferred | undefined, b: Inferred | undefined): Inferred | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.shape === undefined || b.shape?.length !== a.shape.length) return typed(a.dataType);
  const other = b.shape;
  return typed(
    a.dataType,
    a.shape.map((dim, i) => (dim === other[i] ? dim : question.unknownDim())),
  );
}

const branch: Rule = (question) => {
  const [yes, no] = ['then_branch', 'else_branch'].map((name) => graphOf(question.node, name));
  if (yes === undefined || no === undefined) return [];
  const [a, b] = [question.body(yes, []), question.body(no, [])];
  return question.node.output.map((_, i) => both(question, a[i], b[i]));
};

/** State may change its shape from turn to turn: it is what both the first and the second turn agree on. */
const loop: Rule = (question) => {
  const body = graphOf(question.node, 'body');
  if (body === undefined) return [];
  const carried = question.inputs.slice(2);
  const turn = (state: readonly (Inferred | undefined)[]) =>
    question.body(body, [typed(T.INT64, []), typed(T.BOOL, []), ...state]);
  const firstOut = turn(carried.map(withoutContent)).slice(1);
  const state = carried.map((start, i) => both(question, start, firstOut[i]));
  const out = turn(state).slice(1);
  const trips = question.inputs[0]?.content?.[0] ?? question.unknownDim();
  return out.map((type, i) =>
    i < carried.length ? both(question, state[i], type) : stacked(type, trips, 0),
  );
};

const scan: Rule = (question) => {
  const { node, inputs } = question;
  const body = graphOf(node, 'body');
  const scanned = intOf(node, 'num_scan_inputs', 0);
  if (body === undefined) return [];
  const states = inputs.length - scanned;
  const axes = intsOf(node, 'scan_input_axes') ?? [];
  let length: Dim | undefined;
  const fed = inputs.map((input, i) => {
    if (i < states || input?.shape === undefined) return withoutContent(input);
    const axis = axes[i - states] ?? 0;
    const at = axis < 0 ? axis + input.shape.length : axis;
    length ??= input.shape[at];
    return typed(
      input.dataType,
      input.shape.filter((_, place) => place !== at),
    );
  });
  const out = question.body(body, fed);
  const places = intsOf(node, 'scan_output_axes') ?? [];
  return out.map((type, i) =>
    i < states ? type : stacked(type, length ?? question.unknownDim(), places[i - states] ?? 0),
  );
};

function stacked(type: Inferred | undefined, length: Dim, axis: number): Inferred | undefined {
  if (type?.shape === undefined) return type === undefined ? undefined : typed(type.dataType);
  const at = axis < 0 ? axis + type.shape.length + 1 : axis;
  return typed(type.dataType, [...type.shape.slice(0, at), length, ...type.shape.slice(at)]);
}

const withoutContent = (type: Inferred | undefined): Inferred | undefined =>
  type === undefined ? undefined : typed(type.dataType, type.shape);

export const controlFlow: Rules = { If: branch, Loop: loop, Scan: scan };
