// Recurrent layers. X [seq, batch, in], W [directions, gates*hidden, in]: Y [seq, directions, batch, hidden].
import { intOf } from '../attributes.js';
import { typed, type Rule, type Rules } from './rule.js';

const recurrent: Rule = ({ node, inputs: [x, w, r] }) => {
  if (x === undefined) return [];
  const [seq, batch] = x.shape ?? [];
  const directions = w?.shape?.[0];
  const hidden = r?.shape?.[2] ?? intOf(node, 'hidden_size', 0);
  if (seq === undefined || batch === undefined || directions === undefined) return [typed(x.dataType)];
  const batchFirst = intOf(node, 'layout', 0) === 1;
  const y = batchFirst ? [seq, batch, directions, hidden] : [seq, directions, batch, hidden];
  const state = typed(x.dataType, batchFirst ? [seq, directions, hidden] : [directions, batch, hidden]);
  return [typed(x.dataType, y), state, state];
};

export const recurrentLayers: Rules = { RNN: recurrent, LSTM: recurrent, GRU: recurrent };
