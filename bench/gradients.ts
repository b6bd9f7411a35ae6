// Every backward rule against central differences: each operator with its attributes and ways of broadcasting. Prints the
// table per operator.
import { arithmeticCases } from '../services/onnx/gradient/testing/cases-arithmetic.js';
import { layerCases } from '../services/onnx/gradient/testing/cases-layers.js';
import { checkGradient } from '../services/onnx/gradient/testing/check.js';
import { type Benchmark, round } from './report.js';

interface Row {
  operator: string;
  cases: number;
  elements: number;
  worst: number;
  worstCase: string;
}

export const benchmark: Benchmark = async ({ form, seed }) => {
  const all = [...arithmeticCases, ...layerCases];
  const cases = form === 'ci' ? all.filter((_, i) => i % 4 === 0) : all;
  const seeds = form === 'full' ? [seed, seed + 1, seed + 2] : [seed];
  const rows = new Map<string, Row>();
  let foreign = 0;
  for (const one of cases) {
    const row = rows.get(one.operator) ?? {
      operator: one.operator,
      cases: 0,
      elements: 0,
      worst: 0,
      worstCase: '',
    };
    rows.set(one.operator, row);
    row.cases++;
    for (const each of seeds) {
      const checked = await checkGradient(one, each);
      row.elements += checked.elements;
      if (checked.worst > row.worst) Object.assign(row, { worst: checked.worst, worstCase: one.name });
      // FusedMatMul is asked for by name in one case; nothing else may leave the standard.
      if (one.forms?.fusedMatMul !== true) foreign += checked.foreign.length;
    }
  }
  const table = [...rows.values()].sort((a, b) => a.operator.localeCompare(b.operator));
  console.table(table.map((row) => ({ ...row, worst: round(row.worst) })));
  return {
    results: { cases: cases.length, seeds: seeds.length, operators: table },
    aims: [
      {
        name: 'largest relative error',
        value: Math.max(...table.map(({ worst }) => worst)),
        unit: '',
        aim: 1e-3,
        op: '<=',
      },
      { name: 'non-standard operators', value: foreign, unit: '', aim: 0, op: '<=' },
    ],
  };
};
