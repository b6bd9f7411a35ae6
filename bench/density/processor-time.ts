// Whose processor time a load of a model is: milliseconds of the processes of a mesh by what they are, as Linux says.
import { readFileSync } from 'node:fs';

/** A tick of /proc: Linux has had a hundred a second on every machine of today. */
const TICK_MS = 10;

export class ProcessorTime {
  private from = new Map<number, number>();
  private readonly spentMs = new Map<string, number>();

  /** Processes by what they are called in the sum; one that comes later is not counted until the next beginning. */
  begin(pids: ReadonlyMap<number, string>): void {
    this.from = new Map([...pids.keys()].map((pid) => [pid, processorMs(pid)]));
  }

  end(pids: ReadonlyMap<number, string>): void {
    for (const [pid, name] of pids) {
      const spent = processorMs(pid) - (this.from.get(pid) ?? Number.POSITIVE_INFINITY);
      if (spent > 0) this.spentMs.set(name, (this.spentMs.get(name) ?? 0) + spent);
    }
  }

  /** What this has more than the other, for each of so many. */
  beyond(other: ProcessorTime, count: number): Record<string, number> {
    const each = [...this.spentMs].map(([name, ms]) => {
      const more = (ms - (other.spentMs.get(name) ?? 0)) / Math.max(1, count);
      return [name, Math.round(10 * more) / 10] as const;
    });
    return Object.fromEntries(each.toSorted(([, a], [, b]) => b - a));
  }
}

function processorMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(utime) + Number(stime)) * TICK_MS;
  } catch {
    return 0; // it ended just now, or this is no Linux
  }
}
