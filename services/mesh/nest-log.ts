// Nest's own words as events of ours: its warnings and errors stay, its tale of every route and module does not.
import type { LoggerService } from '@nestjs/common';
import { errorFields, type Log } from './log.js';

export class NestLog implements LoggerService {
  constructor(private readonly target: Log) {}

  log(): void {
    // The tale.
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.target.warn('nest.warned', { message, context: context.at(-1) });
  }

  error(message: unknown, ...context: unknown[]): void {
    this.target.error('nest.failed', { ...errorFields(message), context: context.at(-1) });
  }

  fatal(message: unknown, ...context: unknown[]): void {
    this.error(message, ...context);
  }
}
