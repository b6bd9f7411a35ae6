// Shortens all gradients together when their common length is above a limit, and keeps their direction
// (Pascanu, Mikolov, Bengio, 2013).
import type { Writer } from '../gradient/writer.js';

const SHORTEST = 1e-12; // a gradient of zero must not become 0/0

/** `like` is any parameter, for the type. In step with `gradients`. */
export function clipped(write: Writer, gradients: readonly string[], limit: number, like: string): string[] {
  const squares = gradients.map((name) => write.op('ReduceSumSquare', [name], { keepdims: 0 }));
  const sum = squares.length === 1 ? (squares[0] ?? '') : write.op('Sum', squares);
  const length = write.op('Sqrt', [write.op('Add', [sum, write.float(SHORTEST, like)])]);
  const factor = write.op('Min', [write.op('Div', [write.float(limit, like), length]), write.float(1, like)]);
  return gradients.map((name) => write.op('Mul', [name, factor]));
}
