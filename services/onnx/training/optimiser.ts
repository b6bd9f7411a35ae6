// Optimisers as nodes: from a parameter and its gradient to the parameter after the step. training-graph.ts writes one for
// every parameter. What an optimiser remembers is state of the graph: inputs that come back as outputs.
import { setAttribute } from '../attributes.js';
import type { Writer } from '../gradient/writer.js';

export type Optimiser =
  /** m = momentum m + g; p -= rate m (or rate (g + momentum m) with Nesterov's form). */
  | { readonly kind: 'sgd'; readonly momentum?: number; readonly nesterov?: boolean }
  /** Kingma and Ba, 2015. */
  | ({ readonly kind: 'adam' } & AdamOptions)
  /** Loshchilov and Hutter, 2019: weight decay apart from the gradient. */
  | ({ readonly kind: 'adamw' } & AdamOptions);

interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** The scalars that every update shares. */
export interface Pace {
  /** Learning rate. */
  readonly rate: string;
  /** Number of this step, from 1, as a real number. */
  readonly step: string;
}

export interface Update {
  readonly write: Writer;
  readonly parameter: string;
  readonly gradient: string;
  /** Share of the parameter that decays per unit of rate; 0 for vectors. */
  readonly decay: number;
  /** Makes a state that starts at zero and is `next(before)` afterwards, and returns what comes after. */
  readonly remember: (name: string, next: (before: string) => string) => string;
}

export type Stepper = (update: Update) => string;

/** Scalars are computed once, for all parameters. */
export function stepper(write: Writer, optimiser: Optimiser, pace: Pace): Stepper {
  return optimiser.kind === 'sgd' ? sgd(optimiser, pace) : adam(write, optimiser, pace);
}

const sgd =
  ({ momentum = 0, nesterov = false }: Extract<Optimiser, { kind: 'sgd' }>, { rate }: Pace): Stepper =>
  ({ write, parameter, gradient, decay, remember }) => {
    const number = (value: number): string => write.float(value, parameter);
    const pull =
      decay === 0 ? gradient : write.op('Add', [gradient, write.op('Mul', [parameter, number(decay)])]);
    const away = (direction: string): string =>
      write.op('Sub', [parameter, write.op('Mul', [direction, rate])]);
    if (momentum === 0) return away(pull);
    const after = remember('momentum', (before) => {
      const folded = nesterov ? undefined : addedByGemm(write, pull, before, momentum);
      return folded ?? write.op('Add', [write.op('Mul', [before, number(momentum)]), pull]);
    });
    return away(nesterov ? write.op('Add', [pull, write.op('Mul', [after, number(momentum)])]) : after);
  };

/** A weight's gradient is mostly one Gemm, which can add `momentum * before` itself and saves two passes over it. */
function addedByGemm(write: Writer, gradient: string, before: string, momentum: number): string | undefined {
  const { graph } = write;
  const product = graph.producer(gradient);
  if (product?.opType !== 'Gemm' || product.input.length !== 2 || graph.consumers(gradient).size > 0)
    return undefined;
  graph.edit(product, (node) => {
    node.input.push(before);
    setAttribute(node, 'beta', momentum);
  });
  return gradient;
}

/** p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon), the corrections computed once for all parameters. */
function adam(write: Writer, optimiser: Exclude<Optimiser, { kind: 'sgd' }>, { rate, step }: Pace): Stepper {
  const { kind, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = optimiser;
  const one = write.float(1, rate);
  const missing = (beta: number): string =>
    write.op('Sub', [one, write.op('Pow', [write.float(beta, rate), step])]);
  const pace = write.op('Div', [rate, missing(beta1)]);
  const spread = write.op('Reciprocal', [write.op('Sqrt', [missing(beta2)])]);
  return ({ write: w, parameter, gradient, decay, remember }) => {
    const number = (value: number): string => w.float(value, parameter);
    const times = (value: string, factor: number): string => w.op('Mul', [value, number(factor)]);
    const pull = kind === 'adam' && decay > 0 ? w.op('Add', [gradient, times(parameter, decay)]) : gradient;
    const mean = remember('mean', (m) => w.op('Add', [times(m, beta1), times(pull, 1 - beta1)]));
    const square = remember('square', (v) =>
      w.op('Add', [times(v, beta2), times(w.op('Mul', [pull, pull]), 1 - beta2)]),
    );
    const width = w.op('Add', [w.op('Mul', [w.op('Sqrt', [square]), spread]), number(epsilon)]);
    const moved = w.op('Sub', [parameter, w.op('Mul', [w.op('Div', [mean, width]), pace])]);
    if (kind === 'adam' || decay === 0) return moved;
    return w.op('Sub', [moved, w.op('Mul', [parameter, w.op('Mul', [rate, number(decay)])])]);
  };
}
