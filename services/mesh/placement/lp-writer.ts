// Integer programmes in the LP text format, written variable by variable and row by row. Who searches for a plan leans on it, and the
// benchmark for what it proves.
export interface Programme {
  readonly text: string;
  /** In the order of the columns. */
  readonly variables: readonly string[];
}

/** A linear expression. */
export type Sum = (readonly [factor: number, variable: string])[];

export class LpWriter {
  private readonly costs: string[] = [];
  private readonly rows: string[] = [];
  private readonly bounds: string[] = [];
  private readonly integers: string[] = [];
  private readonly binaries: string[] = [];
  private readonly names: string[] = [];

  /** Every variable stands in the objective, so that the order of the columns is the order of these calls. */
  private variable(name: string, cost: number): void {
    this.names.push(name);
    this.costs.push(`${number(cost)} ${name}`);
  }

  /** Between 0 and 1. */
  share(name: string, cost: number): void {
    this.variable(name, cost);
    this.bounds.push(`0 <= ${name} <= 1`);
  }

  /** Not below 0. */
  amount(name: string, cost: number): void {
    this.variable(name, cost);
  }

  integer(name: string, cost: number, max: number): void {
    this.variable(name, cost);
    this.bounds.push(`0 <= ${name} <= ${max}`);
    this.integers.push(name);
  }

  binary(name: string, cost: number): void {
    this.variable(name, cost);
    this.binaries.push(name);
  }

  row(sum: Sum, relation: '<=' | '>=' | '=', right: number): void {
    if (sum.length === 0) return;
    const terms = sum.map(([factor, name]) => `${number(factor)} ${name}`);
    this.rows.push(`r${this.rows.length}: ${wrap(terms)} ${relation} ${right}`);
  }

  programme(): Programme {
    const text = [
      'Minimize',
      `obj: ${wrap(this.costs)}`,
      'Subject To',
      ...this.rows,
      'Bounds',
      ...this.bounds,
      'Generals',
      this.integers.join('\n'),
      'Binaries',
      this.binaries.join('\n'),
      'End',
      '',
    ].join('\n');
    return { text, variables: this.names };
  }
}

const number = (value: number): string => (value < 0 ? `- ${-value}` : `+ ${value}`);

/** Lines of the LP format end at 510 characters in some readers. */
function wrap(terms: readonly string[]): string {
  const lines: string[] = [];
  for (let i = 0; i < terms.length; i += 8) lines.push(terms.slice(i, i + 8).join(' '));
  return lines.join('\n ');
}
