// Losses: one number, or one per element where nothing is reduced.
import { stringOf } from '../attributes.js';
import { sameAs, typed, type Rule, type Rules } from './rule.js';

/** Scores [N, C, d...], labels [N, d...]; the second output holds the log probabilities. */
const crossEntropy: Rule = ({ node, inputs: [scores, labels] }) => {
  if (scores === undefined) return [];
  const reduced = stringOf(node, 'reduction', 'mean') !== 'none';
  return [typed(scores.dataType, reduced ? [] : labels?.shape), sameAs(scores)];
};

export const loss: Rules = { SoftmaxCrossEntropyLoss: crossEntropy, NegativeLogLikelihoodLoss: crossEntropy };
