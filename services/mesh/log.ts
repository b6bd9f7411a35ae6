// Events, one JSON object a line: `log.warn('shard.lost', { shard, lastSeenMs })`. Every service writes only this way.
import { Failure } from '../../contracts/errors.js';
import type { Clock } from './clock.js';

type LogLevel = 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log, with these fields on every line. */
  child(fields: LogFields): Log;
}

/** `write` gets whole lines; standard output in a service. */
export function jsonLog(
  clock: Pick<Clock, 'now'>,
  fields: LogFields,
  write: (line: string) => void = (line) => void process.stdout.write(line),
): Log {
  const at = (level: LogLevel) => (event: string, more?: LogFields) =>
    write(logLine({ at: new Date(clock.now()).toISOString(), level, event, ...fields, ...more }));
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => jsonLog(clock, { ...fields, ...more }, write),
  };
}

/** For tests and for the client library: says nothing. */
export const silentLog: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

const CAUSES_MAX = 5;

/** An error as fields, with its causes: the stack of the first only, the rest are sentences. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < CAUSES_MAX;) {
    causes.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : JSON.stringify(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return {
    name: error.name,
    message: error.message,
    ...(error instanceof Failure ? { code: error.code, ...error.fields } : { stack: error.stack }),
    ...(causes.length > 0 ? { causes } : {}),
  };
}

function logLine(fields: LogFields): string {
  const readable = (_: string, value: unknown) =>
    value instanceof Error ? errorFields(value) : typeof value === 'bigint' ? value.toString() : value;
  try {
    return `${JSON.stringify(fields, readable)}\n`;
  } catch (error) {
    // A field that refers to itself must not cost us the event.
    const { at, level, event } = fields;
    return `${JSON.stringify({ at, level, event, unprintable: String(error) })}\n`;
  }
}
