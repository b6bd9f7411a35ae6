// The choices of all endpoints as an integer programme in LP text: one choice for each endpoint (one of them leaves it out), no more memory
// and busy time than a centre has, no more movement than allowed, at the least cost.
import type { Choice } from './choices.js';
import { BUSY_SHARE, type Setting } from './setting.js';

export interface Programme {
  readonly text: string;
  /** In the order of the columns. */
  readonly variables: readonly string[];
}

const GIB = 2 ** 30;

/** `z<endpoint>_<choice>` is 1 for what is chosen. `memoryShare`: less than 1 where packing failed before. */
export function programmeOf(
  setting: Setting,
  choices: readonly (readonly Choice[])[],
  movableRate: number,
  memoryShare: (centre: number) => number,
): Programme {
  const variables: string[] = [];
  const costs: string[] = [];
  const rows: string[] = [];
  const memory = setting.centres.map((): string[] => []);
  const busy = setting.centres.map((): string[] => []);
  const moved: string[] = [];
  choices.forEach((list, e) => {
    list.forEach(({ cost, movedRate, uses }, k) => {
      const z = variableOf(e, k);
      variables.push(z);
      costs.push(`+ ${cost} ${z}`);
      if (movedRate > 0) moved.push(`+ ${movedRate} ${z}`);
      for (const use of uses) {
        memory[use.centre]?.push(`+ ${use.bytes / GIB} ${z}`);
        if (use.busy > 0) busy[use.centre]?.push(`+ ${use.busy} ${z}`);
      }
    });
    rows.push(
      row(
        list.map((_, k) => `+ 1 ${variableOf(e, k)}`),
        '=',
        1,
      ),
    );
  });
  for (const { index, memoryBytes, shards } of setting.centres) {
    rows.push(row(memory[index] ?? [], '<=', (memoryBytes / GIB) * memoryShare(index)));
    rows.push(row(busy[index] ?? [], '<=', shards.length * BUSY_SHARE));
  }
  rows.push(row(moved, '<=', movableRate));
  const numbered = rows.filter((text) => text !== '').map((text, i) => `r${i}: ${text}`);
  const text = [
    'Minimize',
    `obj: ${lines(costs)}`,
    'Subject To',
    ...numbered,
    'Binaries',
    ...variables,
    'End',
    '',
  ];
  return { text: text.join('\n'), variables };
}

export const variableOf = (endpoint: number, choice: number): string => `z${endpoint}_${choice}`;

const row = (terms: readonly string[], relation: '<=' | '=', right: number): string =>
  terms.length === 0 ? '' : `${lines(terms)} ${relation} ${right}`;

/** Lines of the LP format end at 510 characters in some readers. */
function lines(terms: readonly string[]): string {
  const wrapped: string[] = [];
  for (let i = 0; i < terms.length; i += 8) wrapped.push(terms.slice(i, i + 8).join(' '));
  return wrapped.join('\n ');
}
