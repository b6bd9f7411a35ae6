// What a shape rule is asked and what it answers. One file per operator family holds the rules; shape.ts asks them.
import { TensorProto_DataType as T, type GraphProto, type NodeProto } from '../proto/onnx_pb.js';
import { nodeLabel, refusal } from '../refusal.js';
import type { Tensor } from '../tensor.js';
import type { Dim, TensorType } from '../value-info.js';

export interface Inferred extends TensorType {
  /**
   * The elements, where known: of small constants and of what is computed from shapes. Rank 0 or 1 mostly; row-major
   * otherwise. Without it no Reshape of an exported model could be followed.
   */
  readonly content?: readonly Dim[];
}

export interface Question {
  readonly node: NodeProto;
  /** In step with node.input; undefined where omitted or unknown. */
  readonly inputs: readonly (Inferred | undefined)[];
  readonly opset: number;
  /** The i-th input, where it is a constant. */
  constant(i: number): Tensor | undefined;
  /** A size that nothing is known about: a name of its own. */
  unknownDim(): Dim;
  /** Types of the outputs of a body, given those of its inputs. */
  body(graph: GraphProto, inputs: readonly (Inferred | undefined)[]): (Inferred | undefined)[];
}

/** In step with node.output; shorter or with gaps where nothing is known. */
export type Rule = (question: Question) => readonly (Inferred | undefined)[];
export type Rules = Readonly<Record<string, Rule>>;

/** Contents beyond this are data, not shapes. */
const MOST_CONTENT = 1024;

export function mismatch(question: Question, what: string): Error {
  return refusal(`The shapes do not fit at ${nodeLabel(question.node)}: ${what}.`, {
    node: question.node.name,
    inputs: question.inputs.map((input) => input?.shape ?? 'unknown'),
  });
}

export const show = (shape: readonly Dim[]): string => `[${shape.join(', ')}]`;

/** An axis counted from the end made one counted from the start. */
export function positiveAxis(question: Question, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= Math.max(rank, 1)) throw mismatch(question, `axis ${axis} of rank ${rank}`);
  return positive;
}

/** Numpy's rule. Two names that differ stay undecided: either may be 1. */
export function broadcast(
  question: Question,
  shapes: readonly (readonly Dim[] | undefined)[],
): Dim[] | undefined {
  let result: readonly Dim[] = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    const [long, short] = shape.length > result.length ? [shape, result] : [result, shape];
    const lead = long.length - short.length;
    result = long.map((dim, i) => (i < lead ? dim : broadcastDim(question, dim, short[i - lead] ?? 1)));
  }
  return [...result];
}

function broadcastDim(question: Question, a: Dim, b: Dim): Dim {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number' && typeof b === 'number') throw mismatch(question, `${a} against ${b}`);
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return `broadcast(${[a, b].sort().join(',')})`;
}

/** Whether two sizes can be the same: only two different numbers cannot. */
export function canEqual(a: Dim | undefined, b: Dim | undefined): boolean {
  return typeof a !== 'number' || typeof b !== 'number' || a === b;
}

export const sameAs = (input: Inferred | undefined): Inferred | undefined =>
  input === undefined ? undefined : typed(input.dataType, input.shape);

export function typed(dataType: T, shape?: readonly Dim[], content?: readonly Dim[]): Inferred {
  return {
    dataType,
    ...(shape === undefined ? {} : { shape }),
    ...(content === undefined || content.length > MOST_CONTENT ? {} : { content }),
  };
}

/** Content as plain numbers, where every element is one: axes, pads, repeats. */
export function numbers(input: Inferred | undefined): number[] | undefined {
  const content = input?.content;
  return content?.every((one) => typeof one === 'number') === true ? (content as number[]) : undefined;
}
