// Backward rule of Dropout. The mask is random, so it must be the one of the same run: the kernel's second output.
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

const RATIO = 0.5; // what the operator takes where none is given

const rule: GradientRule = (asked) => {
  const { write, dY } = asked;
  if (!isTraining(asked)) return [dY];
  const x = asked.input(0);
  const mask = write.op('Cast', [asked.demandOutput(1)], { to: write.dataType(x) });
  const ratio = write.numbers(asked.node.input[1])?.[0] ?? RATIO;
  if (asked.has(1) && write.numbers(asked.input(1)) === undefined)
    throw asked.refuse('a ratio that is computed');
  return [write.op('Mul', [dY, write.op('Mul', [mask, write.float(1 / (1 - ratio), x)])])];
};

function isTraining(asked: Asked): boolean {
  if (!asked.has(2)) return false;
  const mode = asked.write.graph.constant(asked.input(2));
  if (mode?.dataType !== T.BOOL) throw asked.refuse('a training mode that is computed');
  return Number(mode.data[0]) === 1;
}

export const dropout: GradientRules = { Dropout: rule };
