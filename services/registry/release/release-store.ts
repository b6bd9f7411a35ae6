// Keeps the releases: each decision is one conditional write of the record, with its plan and its journal entry in it. Before an
// entry is overwritten by the next it goes to the journal's own bucket, so the journal has no gap whenever a process dies.
import type { KV } from '@nats-io/kv';
import { keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import { JournalEntry, type ReleaseRecord } from '../../../contracts/release.js';
import { type Decided, type Now, advance } from '../../mesh/release/advance.js';
import type { BucketLog, Decision } from '../../mesh/bucket-log.js';
import type { ReleaseStates } from './release-state.js';

export interface ReleaseStoreParts {
  readonly log: BucketLog;
  readonly states: ReleaseStates;
  readonly journal: KV;
  /** Told of every record that this process wrote. */
  readonly written: (record: ReleaseRecord) => void;
}

const RACES_MAX = 16;
/** Finished releases of one endpoint that are kept with their journals. */
const KEPT_MAX = 50;
export const PAGE_MAX = 200;

export class ReleaseStore {
  constructor(private readonly parts: ReleaseStoreParts) {}

  get states(): ReleaseStates {
    return this.parts.states;
  }

  refresh(): Promise<boolean> {
    return this.parts.log.refresh();
  }

  /** `make` is told the id; one release at a time goes on at an endpoint. */
  async open(endpoint: string, make: (id: string) => ReleaseRecord): Promise<ReleaseRecord> {
    const record = await this.parts.log.transact(() => {
      const active = this.states.activeAt(endpoint);
      if (active) throw goesOn(active);
      const made = make(`${endpoint}-${this.states.lastNumber(endpoint) + 1}`);
      return { change: { key: keys.release(made.id), value: made }, result: made };
    });
    this.parts.written(record);
    return record;
  }

  /** `decide` sees the newest record; undefined leaves it as it is. A leader of an earlier epoch is refused. */
  async advance(
    id: string,
    decide: (record: ReleaseRecord) => { decided: Decided; now: Now } | undefined,
  ): Promise<ReleaseRecord> {
    const { log } = this.parts;
    for (let race = 0; race < RACES_MAX; race++) {
      await log.refresh();
      const before = this.states.get(id);
      await this.keep(before.last);
      const written = await log.transact((): Decision<ReleaseRecord | 'overtaken' | undefined> => {
        const record = this.states.get(id);
        if (record.last.seq !== before.last.seq) return { result: 'overtaken' };
        const step = decide(record);
        if (!step) return { result: undefined };
        if (step.now.epoch < record.plan.epoch)
          throw failure('LEASE_LOST', `Epoch ${record.plan.epoch} decides on ${id} by now.`, { id });
        const next = advance(record, step.decided, step.now);
        return { change: { key: keys.release(id), value: next }, result: next };
      });
      if (written === 'overtaken') continue;
      if (!written) return before;
      this.parts.written(written);
      return written;
    }
    throw failure('CONFLICT', `Too many others decide on the release ${id}.`, { id });
  }

  async entries(id: string, afterSeq: number): Promise<{ entries: JournalEntry[]; more: boolean }> {
    const { last } = this.states.get(id);
    const upTo = Math.min(last.seq, afterSeq + PAGE_MAX);
    const entries: JournalEntry[] = [];
    for (let seq = afterSeq + 1; seq <= upTo; seq++) {
      if (seq === last.seq) entries.push(last);
      else entries.push(await this.kept(id, seq));
    }
    return { entries, more: upTo < last.seq };
  }

  /** Drops the oldest finished releases of each endpoint; how many. */
  async forget(): Promise<number> {
    const byEndpoint = new Map<string, ReleaseRecord[]>();
    const active = new Set(this.states.active());
    for (const record of this.states.all())
      if (!active.has(record))
        byEndpoint.set(record.endpoint, [...(byEndpoint.get(record.endpoint) ?? []), record]);
    let forgotten = 0;
    for (const records of byEndpoint.values()) {
      const newestFirst = records.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
      for (const record of newestFirst.slice(KEPT_MAX)) {
        for (let seq = 1; seq < record.last.seq; seq++)
          await this.parts.journal.purge(keys.journal(record.id, seq));
        await this.parts.log.transact(() => ({
          change: { key: keys.release(record.id), value: undefined },
          result: undefined,
        }));
        forgotten++;
      }
    }
    return forgotten;
  }

  /** The same entry again changes nothing. */
  private async keep(entry: JournalEntry): Promise<void> {
    await this.parts.journal.put(keys.journal(entry.release, entry.seq), JSON.stringify(entry));
  }

  private async kept(id: string, seq: number): Promise<JournalEntry> {
    const found = await this.parts.journal.get(keys.journal(id, seq));
    const parsed = JournalEntry.safeParse(found?.json());
    if (parsed.success) return parsed.data;
    throw failure('INTERNAL', `Entry ${seq} of the journal of ${id} is missing.`, { id, seq });
  }
}

/** Why another release, or a deployment, has to wait. */
export const goesOn = ({ id, endpoint, state }: ReleaseRecord) =>
  failure(
    'BAD_REQUEST',
    state === 'aborting'
      ? `The release ${id} of "${endpoint}" is being taken back: wait until its last requests have had their time.`
      : `The release ${id} of "${endpoint}" goes on (${state}): wait for it, or end it with massif release abort ${id}.`,
    { release: id },
  );
