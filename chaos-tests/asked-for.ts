// What a drill or a benchmark is asked for on its command line, or the sentence that says what can be asked. drill.ts and bench.ts lean on it.
import { readdirSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';

export interface Asked {
  readonly name: string;
  readonly form: 'ci' | 'quick' | 'full';
  readonly seed: number;
  readonly json: boolean;
  /** A part of it. */
  readonly only: string | undefined;
}

export interface Asking {
  /** As in `npm run -s chaos`. */
  readonly command: 'chaos' | 'bench';
  readonly what: 'drill' | 'benchmark';
  readonly names: readonly string[];
  /** Where none is given. */
  readonly seed: number;
  /** Some have parts that can be asked for alone. */
  readonly inParts: boolean;
}

/** The compiled modules of a folder by their names. */
export const modulesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'))
    .map((file) => file.slice(0, -3));

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  ci: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  seed: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];
const PART = { only: { type: 'string' } } as const satisfies ParseArgsConfig['options'];

/** A sentence where it cannot be done. */
export function askedFor(args: string[], { command, what, names, seed, inParts }: Asking): Asked | string {
  const form = `[--quick|--ci] [--seed N]${inParts ? ' [--only PART]' : ''} [--json]`;
  const usage = `npm run -s ${command} -- NAME ${form}, where NAME is one of ${names.join(', ')}`;
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: inParts ? { ...OPTIONS, ...PART } : OPTIONS,
    });
    const { quick, ci, json, only } = values as typeof values & { readonly only?: string };
    const [name, ...others] = positionals;
    if (!name || !names.includes(name) || others.length > 0) return `Say which ${what}: ${usage}.`;
    if (quick && ci) return `One form at a time, --quick or --ci; the full one has no option: ${usage}.`;
    const given = values.seed === undefined ? seed : Number(values.seed);
    if (!Number.isSafeInteger(given)) return `--seed wants a whole number, not "${values.seed}": ${usage}.`;
    return { name, form: ci ? 'ci' : quick ? 'quick' : 'full', seed: given, json, only };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('. ');
    return `${reason}. The full form has no option: ${usage}.`;
  }
}
