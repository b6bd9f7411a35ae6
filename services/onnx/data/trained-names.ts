// Names in every model that a training job makes: its one input, its one output, and the number before it is put into its unit. The
// trainer writes them; who measures or goes on from such a model reads them.
import type { Prepared } from './prepared.js';

export const INPUT = 'x';
export const PROBABILITIES = 'probabilities';
export const NUMBER = 'value';
/** What the loss of a number is taken of. */
export const SCORES = 'scores';

export const outputOf = ({ target }: Pick<Prepared, 'target'>): string =>
  target === undefined ? PROBABILITIES : NUMBER;
