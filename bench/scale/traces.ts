// An hour of Azure's LLM traffic as a load: `TIMESTAMP,ContextTokens,GeneratedTokens` (Azure Public Dataset 2023, CC-BY). The files are
// not part of the project; where they are missing the benchmark says so.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../deploy/local/root.mjs';
import type { Arrival } from '../../services/autoscaler/testing/queue-simulator.js';

/** Milliseconds: a request's own, a token read, a token written. Only their proportions matter: the whole is scaled afterwards. */
const COST = { request: 50, context: 0.2, generated: 20 };

/** Undefined when the file is not there. `erlangs` replicas would be busy on average. */
export function azureLoad(name: 'conversation' | 'code', erlangs: number): Arrival[] | undefined {
  const lines = readLines(`azure-llm-2023-${name}.csv`);
  if (!lines) return undefined;
  const rows = lines.map((line) => {
    const [time = '', context, generated] = line.split(',');
    // Ten-millionths of a second are more than Date reads.
    const atMs = Date.parse(`${time.slice(0, 19).replace(' ', 'T')}Z`) + Number(`0${time.slice(19)}`) * 1_000;
    return {
      atMs,
      serviceMs: COST.request + COST.context * Number(context) + COST.generated * Number(generated),
    };
  });
  const firstMs = rows[0]?.atMs ?? 0;
  const lengthMs = (rows.at(-1)?.atMs ?? 0) - firstMs;
  const scale = (erlangs * lengthMs) / rows.reduce((sum, { serviceMs }) => sum + serviceMs, 0);
  return rows.map(({ atMs, serviceMs }) => ({ atMs: atMs - firstMs, serviceMs: serviceMs * scale }));
}

function readLines(file: string): string[] | undefined {
  try {
    return readFileSync(join(root, '..', 'shared', 'data', file), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
  } catch {
    return undefined;
  }
}
