// Backward rules of matrix products. The weight gradient of a product with a matrix is one Gemm over all leading axes.
import { floatOf, intOf } from '../attributes.js';
import { sumTo, sumToInput } from './broadcast.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const matMul: GradientRule = (asked) => {
  const { write, dY } = asked;
  const [a, b] = [asked.input(0), asked.input(1)];
  const [rankA, rankB] = [write.rank(a), write.rank(b)];
  if (rankA === 1 || rankB === 1) return vectorProduct(asked, rankA, rankB);
  if (rankB > 2) return batchedProduct(asked);
  const flat = (value: string, name: string): string =>
    rankA === 2 ? value : write.op('Reshape', [value, write.ints([-1, write.size(name, -1)])]);
  const rows = flat(dY, asked.output());
  const dA = (): string => {
    const product = write.op('Gemm', [rows, b], { transB: 1 });
    return rankA === 2 ? product : write.reshapeLike(product, a);
  };
  return [
    asked.wants(0) ? dA() : undefined,
    asked.wants(1) ? write.op('Gemm', [flat(a, a), rows], { transA: 1 }) : undefined,
  ];
};

/** A vector is a matrix of one row on the left, of one column on the right. */
function vectorProduct(asked: Asked, rankA: number, rankB: number): (string | undefined)[] {
  const { write, dY } = asked;
  const [a, b] = [asked.input(0), asked.input(1)];
  if (rankA === 1 && rankB === 1) {
    return [
      asked.wants(0) ? write.op('Mul', [dY, b]) : undefined,
      asked.wants(1) ? write.op('Mul', [dY, a]) : undefined,
    ];
  }
  if (rankB === 1) {
    const column = write.op('Unsqueeze', [dY, write.ints([-1])]);
    const product = (): string => write.op('Mul', [column, a]);
    return [
      asked.wants(0) ? write.op('Mul', [column, b]) : undefined,
      asked.wants(1) ? sumTo(write, product(), write.shape(a), b) : undefined,
    ];
  }
  const row = write.op('Unsqueeze', [dY, write.ints([-2])]);
  const column = write.op('Unsqueeze', [a, write.ints([-1])]);
  const dA = (): string => {
    const product = write.reduce('Sum', write.op('Mul', [row, b]), [-1], false);
    return sumTo(write, product, write.shape(b).slice(0, -1), a);
  };
  return [asked.wants(0) ? dA() : undefined, asked.wants(1) ? write.op('Mul', [column, row]) : undefined];
}

function batchedProduct(asked: Asked): (string | undefined)[] {
  const { write, dY } = asked;
  const [a, b] = [asked.input(0), asked.input(1)];
  const outer = write.shape(asked.output()).slice(0, -2);
  const product = (left: string, right: string, transposed: 'left' | 'right'): string => {
    if (asked.forms.fusedMatMul === true)
      return write.op(
        'FusedMatMul',
        [left, right],
        { transA: transposed === 'left', transB: transposed === 'right' },
        'com.microsoft',
      );
    return transposed === 'left'
      ? write.op('MatMul', [swapLast(asked, left, a), right])
      : write.op('MatMul', [left, swapLast(asked, right, b)]);
  };
  const settle = (gradient: string, name: string): string =>
    sumTo(write, gradient, [...outer, ...write.shape(name).slice(-2)], name);
  return [
    asked.wants(0) ? settle(product(dY, b, 'right'), a) : undefined,
    asked.wants(1) ? settle(product(a, dY, 'left'), b) : undefined,
  ];
}

function swapLast({ write }: Asked, value: string, like: string): string {
  const rank = write.rank(like);
  const perm = Array.from({ length: rank }, (_, i) =>
    i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i,
  );
  return write.op('Transpose', [value], { perm });
}

const gemm: GradientRule = (asked) => {
  const { write, dY } = asked;
  const alpha = floatOf(asked.node, 'alpha', 1);
  const beta = floatOf(asked.node, 'beta', 1);
  const [transA, transB] = [intOf(asked.node, 'transA', 0), intOf(asked.node, 'transB', 0)];
  const product = (left: string, right: string, leftTurned: number, rightTurned: number): string =>
    write.op('Gemm', [left, right], {
      alpha: alpha === 1 ? undefined : alpha,
      transA: leftTurned,
      transB: rightTurned,
    });
  const dA = (): string =>
    transA === 0 ? product(dY, asked.input(1), 0, 1 - transB) : product(asked.input(1), dY, transB, 1);
  const dB = (): string =>
    transB === 0 ? product(asked.input(0), dY, 1 - transA, 0) : product(dY, asked.input(0), 1, transA);
  const dC = (): string => {
    const sum = sumToInput(asked, dY, 2);
    return beta === 1 ? sum : write.op('Mul', [sum, write.float(beta, asked.output())]);
  };
  return [
    asked.wants(0) ? dA() : undefined,
    asked.wants(1) ? dB() : undefined,
    asked.wants(2) ? dC() : undefined,
  ];
};

export const matrix: GradientRules = { MatMul: matMul, Gemm: gemm };
