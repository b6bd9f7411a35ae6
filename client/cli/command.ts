// What a command of `massif` is. client/massif.ts reads the arguments, runs one and turns its end into an exit code.
import type { ParseArgsConfig } from 'node:util';
import type { Clock } from '../../services/mesh/clock.js';
import type { Connections } from '../connections.js';
import type { MassifClient } from '../mod.js';
import type { MeshPlace } from './find-mesh.js';

export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export interface Invocation {
  readonly args: readonly string[];
  readonly values: Values;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly place: () => MeshPlace;
  /** Connected on first use; closed by whoever runs the command. */
  readonly client: (mode?: 'direct' | 'routed') => Promise<MassifClient>;
  readonly connections: () => Promise<Connections>;
}

export interface Command {
  readonly name: string;
  /** Beginning with the name: `alias MODEL ALIAS VERSION`. */
  readonly usage: string;
  /** Words behind the name that are no options; one more is a mistake and not passed over. */
  readonly argumentsMax: number;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** More, for `massif help NAME`. */
  readonly help?: string;
  readonly options?: NonNullable<ParseArgsConfig['options']>;
  /** Returns the exit code, or nothing for 0. */
  run(invocation: Invocation): Promise<number | void>;
}

/** A mistake in how we were called; the process ends with exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** `--json` gives one JSON value on stdout; people get text. */
export class Output {
  constructor(
    readonly json: boolean,
    private readonly write: (text: string) => void,
    private readonly writeNote: (text: string) => void,
  ) {}

  show(value: unknown, forPeople: () => string): void {
    this.write(`${this.json ? JSON.stringify(value, plain) : forPeople()}\n`);
  }

  text(text: string): void {
    this.write(text);
  }

  /** Progress and the like, on stderr: it never mixes with the result. */
  note(text: string): void {
    if (!this.json) this.writeNote(`${text}\n`);
  }
}

/** Tensors as plain lists, 64-bit integers as texts. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
}

export function argument(args: readonly string[], index: number, what: string): string {
  const value = args[index];
  if (value === undefined) throw new UsageError(`${what} is missing`);
  return value;
}

export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

export function texts(values: Values, name: string): string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function wholeNumber(values: Values, name: string): number | undefined {
  const given = text(values, name);
  if (given === undefined) return undefined;
  if (!/^\d{1,9}$/.test(given)) throw new UsageError(`--${name} must be a whole number, got "${given}"`);
  return Number(given);
}
