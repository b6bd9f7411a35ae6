// Products of matrices.
import { intOf } from '../attributes.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Dim } from '../value-info.js';
import { broadcast, canEqual, mismatch, show, typed, type Question, type Rule, type Rules } from './rule.js';

/** Vectors become matrices for the product and lose the added dimension again. */
function matMulShape(question: Question, a: readonly Dim[], b: readonly Dim[]): Dim[] {
  if (a.length === 0 || b.length === 0) throw mismatch(question, 'a scalar in a matrix product');
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  if (!canEqual(left.at(-1), right.at(-2))) throw mismatch(question, `${show(a)} times ${show(b)}`);
  const batch = broadcast(question, [left.slice(0, -2), right.slice(0, -2)]) ?? [];
  const rows = a.length === 1 ? [] : [left.at(-2) ?? 1];
  const columns = b.length === 1 ? [] : [right.at(-1) ?? 1];
  return [...batch, ...rows, ...columns];
}

const product =
  (resultType: (question: Question) => T | undefined, second = 1): Rule =>
  (question) => {
    const [a, b] = [question.inputs[0]?.shape, question.inputs[second]?.shape];
    const dataType = resultType(question);
    if (dataType === undefined) return [];
    return [typed(dataType, a === undefined || b === undefined ? undefined : matMulShape(question, a, b))];
  };

const firstType = ({ inputs }: Question): T | undefined => inputs[0]?.dataType;

const gemm: Rule = (question) => {
  const { node, inputs } = question;
  const [a, b, c] = inputs;
  if (a === undefined) return [];
  if (a.shape === undefined || b?.shape === undefined) return [typed(a.dataType)];
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw mismatch(question, `${show(a.shape)} and ${show(b.shape)} are not both matrices`);
  const [rows, inner] = intOf(node, 'transA', 0) ? [a.shape[1], a.shape[0]] : a.shape;
  const [innerB, columns] = intOf(node, 'transB', 0) ? [b.shape[1], b.shape[0]] : b.shape;
  if (!canEqual(inner, innerB)) throw mismatch(question, `${show(a.shape)} times ${show(b.shape)}`);
  const shape = [rows ?? 1, columns ?? 1];
  if (c?.shape !== undefined) broadcast(question, [shape, c.shape]);
  return [typed(a.dataType, shape)];
};

const fusedMatMul: Rule = (question) => {
  const { node, inputs } = question;
  const turned = (name: string, shape: readonly Dim[]): Dim[] =>
    intOf(node, name, 0) && shape.length > 1
      ? [...shape.slice(0, -2), shape.at(-1) ?? 1, shape.at(-2) ?? 1]
      : [...shape];
  const [a, b] = inputs;
  if (a?.shape === undefined || b?.shape === undefined) return a === undefined ? [] : [typed(a.dataType)];
  return [typed(a.dataType, matMulShape(question, turned('transA', a.shape), turned('transB', b.shape)))];
};

const matMulNBits: Rule = ({ node, inputs: [a] }) => {
  if (a === undefined) return [];
  return [
    typed(a.dataType, a.shape === undefined ? undefined : [...a.shape.slice(0, -1), intOf(node, 'N', 0)]),
  ];
};

export const matrix: Rules = {
  MatMul: product(firstType),
  Gemm: gemm,
  FusedGemm: gemm,
  FusedMatMul: fusedMatMul,
  MatMulInteger: product(() => T.INT32),
  MatMulIntegerToFloat: product(({ inputs }) => inputs[2]?.dataType ?? T.FLOAT),
  DynamicQuantizeMatMul: product(firstType),
  QLinearMatMul: product(({ inputs }) => inputs[7]?.dataType, 3),
  MatMulNBits: matMulNBits,
};
