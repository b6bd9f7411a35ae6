// Numbers that operators publish for their endpoints: subscribes to the subjects that policies name, keeps the newest of each.
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';

interface Heard {
  readonly stop: () => void;
  value?: number;
  atMs?: number;
}

/** A metric that comes every few seconds has stopped by then. */
const STALE_MS = 30_000;

export class MetricBook {
  private readonly subjects = new Map<string, Heard>();

  constructor(
    private readonly bus: Pick<Bus, 'nc'>,
    private readonly clock: Clock,
  ) {}

  /** Listens to these and to no others. */
  follow(subjects: ReadonlySet<string>): void {
    for (const [subject, { stop }] of this.subjects)
      if (!subjects.has(subject)) {
        stop();
        this.subjects.delete(subject);
      }
    for (const subject of subjects) if (!this.subjects.has(subject)) this.listen(subject);
  }

  /** Undefined: it never came. */
  of(subject: string): { readonly value: number; readonly stale: boolean } | undefined {
    const heard = this.subjects.get(subject);
    if (heard?.value === undefined || heard.atMs === undefined) return undefined;
    return { value: heard.value, stale: this.clock.monotonicMs() - heard.atMs > STALE_MS };
  }

  private listen(subject: string): void {
    const subscription = this.bus.nc.subscribe(subject, {
      callback: (error, message) => {
        const value = error ? undefined : readNumber(message.string());
        if (value === undefined) return;
        heard.value = value;
        heard.atMs = this.clock.monotonicMs();
      },
    });
    const heard: Heard = { stop: () => subscription.unsubscribe() };
    this.subjects.set(subject, heard);
  }
}

/** `12.5` or `{"value": 12.5}`; anything else, and what no replica can be made of, says nothing. */
export function readNumber(text: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const value = typeof parsed === 'object' && parsed !== null && 'value' in parsed ? parsed.value : parsed;
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
  } catch {
    return undefined;
  }
}
