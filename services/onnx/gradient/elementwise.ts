// Backward rules of arithmetic, element by element. Operands that were broadcast get sums.
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import { sumToInput } from './broadcast.js';
import type { Asked, GradientRule, GradientRules } from './rule.js';

/** One gradient per input, each computed only where wanted and summed to the shape of its input. */
export const perInput =
  (gradient: (asked: Asked, i: number) => string): GradientRule =>
  (asked) =>
    asked.inputs.map((_, i) => (asked.wants(i) ? sumToInput(asked, gradient(asked, i), i) : undefined));

/** dX = dY * factor. */
export const scaled =
  (factor: (asked: Asked) => string): GradientRule =>
  (asked) => [asked.write.op('Mul', [asked.dY, factor(asked)])];

const pass: GradientRule = (asked) => [asked.dY];

const square = ({ write }: Asked, name: string): string => write.op('Mul', [name, name]);
const number = (asked: Asked, value: number): string => asked.write.float(value, asked.output());

/** For a constant whole exponent of 2 the product is exact and faster; bases are taken as positive for exponents that learn. */
const pow: GradientRule = perInput((asked, i) => {
  const { write, dY } = asked;
  const [x, exponent] = [asked.input(0), asked.input(1)];
  if (i === 1) return write.op('Mul', [dY, write.op('Mul', [asked.output(), write.op('Log', [x])])]);
  const constant = write.numbers(exponent);
  if (constant?.length === 1 && constant[0] === 2)
    return write.op('Mul', [dY, write.op('Mul', [x, number(asked, 2)])]);
  const real = write.isReal(exponent) ? exponent : write.op('Cast', [exponent], { to: write.dataType(x) });
  const lower = write.op('Pow', [x, write.op('Sub', [real, number(asked, 1)])]);
  return write.op('Mul', [dY, write.op('Mul', [real, lower])]);
});

/** The first operand wins ties; of more than two, every winner gets the full gradient. */
const extreme = (wins: 'GreaterOrEqual' | 'LessOrEqual'): GradientRule =>
  perInput((asked, i) => {
    const { write, dY } = asked;
    const zero = number(asked, 0);
    if (asked.inputs.length === 1) return dY;
    if (asked.inputs.length > 2)
      return write.op('Where', [write.op('Equal', [asked.input(i), asked.output()]), dY, zero]);
    const first = write.op(wins, [asked.input(0), asked.input(1)]);
    return write.op('Where', i === 0 ? [first, dY, zero] : [first, zero, dY]);
  });

/** Inside the bounds, ends included. */
const clip: GradientRule = (asked) => {
  if (asked.wants(1) || asked.wants(2)) throw asked.refuse('bounds that learn');
  const { write, dY } = asked;
  const inside = [
    ...(asked.has(1) ? [write.op('GreaterOrEqual', [asked.input(0), asked.input(1)])] : []),
    ...(asked.has(2) ? [write.op('LessOrEqual', [asked.input(0), asked.input(2)])] : []),
  ];
  const [first, second] = inside;
  if (first === undefined) return [dY];
  const mask = second === undefined ? first : write.op('And', [first, second]);
  return [write.op('Where', [mask, dY, number(asked, 0)])];
};

const where: GradientRule = (asked) => {
  const { write, dY } = asked;
  const zero = number(asked, 0);
  return [
    undefined,
    asked.wants(1) ? sumToInput(asked, write.op('Where', [asked.input(0), dY, zero]), 1) : undefined,
    asked.wants(2) ? sumToInput(asked, write.op('Where', [asked.input(0), zero, dY]), 2) : undefined,
  ];
};

const cast: GradientRule = (asked) => {
  const from = asked.write.dataType(asked.input(0));
  if (from !== T.FLOAT && from !== T.DOUBLE) return [];
  return [asked.write.op('Cast', [asked.dY], { to: from })];
};

export const elementwise: GradientRules = {
  Identity: pass,
  // Straight through: the true derivative is 0 almost everywhere (Bengio, Léonard, Courville, 2013).
  Round: pass,
  Cast: cast,
  Add: perInput(({ dY }) => dY),
  Sum: perInput(({ dY }) => dY),
  Mean: perInput((asked) => asked.write.op('Mul', [asked.dY, number(asked, 1 / asked.inputs.length)])),
  Sub: perInput(({ write, dY }, i) => (i === 0 ? dY : write.op('Neg', [dY]))),
  Mul: perInput((asked, i) => asked.write.op('Mul', [asked.dY, asked.input(1 - i)])),
  Div: perInput((asked, i) => {
    const { write, dY } = asked;
    const quotient = write.op('Div', [dY, asked.input(1)]);
    return i === 0 ? quotient : write.op('Neg', [write.op('Mul', [quotient, asked.output()])]);
  }),
  Pow: pow,
  Max: extreme('GreaterOrEqual'),
  Min: extreme('LessOrEqual'),
  Clip: clip,
  Where: where,
  Neg: (asked) => [asked.write.op('Neg', [asked.dY])],
  Abs: scaled((asked) => asked.write.op('Sign', [asked.input(0)])),
  Exp: scaled((asked) => asked.output()),
  Log: (asked) => [asked.write.op('Div', [asked.dY, asked.input(0)])],
  Sqrt: (asked) => [
    asked.write.op('Div', [asked.dY, asked.write.op('Mul', [asked.output(), number(asked, 2)])]),
  ],
  Reciprocal: scaled((asked) => asked.write.op('Neg', [square(asked, asked.output())])),
  Erf: scaled((asked) => {
    const bell = asked.write.op('Exp', [asked.write.op('Neg', [square(asked, asked.input(0))])]);
    return asked.write.op('Mul', [bell, number(asked, 2 / Math.sqrt(Math.PI))]);
  }),
  Sin: scaled((asked) => asked.write.op('Cos', [asked.input(0)])),
  Cos: scaled((asked) => asked.write.op('Neg', [asked.write.op('Sin', [asked.input(0)])])),
  Tan: scaled((asked) => asked.write.op('Add', [square(asked, asked.output()), number(asked, 1)])),
  Atan: (asked) => [
    asked.write.op('Div', [
      asked.dY,
      asked.write.op('Add', [square(asked, asked.input(0)), number(asked, 1)]),
    ]),
  ],
  Sinh: scaled((asked) => asked.write.op('Cosh', [asked.input(0)])),
  Cosh: scaled((asked) => asked.write.op('Sinh', [asked.input(0)])),
};
