// Signs the log while it grows and publishes each checkpoint in more than one place: a file of this process, and a bucket of every region. Whoever
// has one of them can tell that an entry before it was changed, dropped or cut off.
import type { KeyObject } from 'node:crypto';
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { buckets, keys } from '../../contracts/buckets.js';
import type { Checkpoint } from '../mesh/audit/note.js';
import { openCheckpoint, signCheckpoint, verifierKeyOf, verifierOf } from '../mesh/audit/note.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import type { AuditLog } from './audit-log.js';

export interface CheckpointsParts {
  readonly bus: Bus;
  readonly audit: Pick<AuditLog, 'chain'>;
  readonly key: KeyObject;
  readonly region: string;
  readonly regions: readonly string[];
  /** Notes one after the other, a line with `--` between them. */
  readonly path: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A newer checkpoint proves all that older ones did, so buckets and file keep the newest. */
const SLOTS = 1_000;
const FILE_NOTES_MAX = 20_000;
const NOTE_BREAK = '--\n';

export class Checkpoints {
  private signed = 0;
  private readonly behind = new Map<string, string[]>();
  private stop: () => void = () => undefined;
  private working: Promise<void> = Promise.resolve();
  private newest = '';

  private constructor(private readonly parts: CheckpointsParts) {}

  /** Throws where the log is not the one that was signed before: such an auditor does not start, and signs nothing. */
  static async open(parts: CheckpointsParts): Promise<Checkpoints> {
    const checkpoints = new Checkpoints(parts);
    await checkpoints.resume();
    checkpoints.stop = parts.clock.every(parts.everyMs, () => {
      checkpoints.working = checkpoints.working.then(() => checkpoints.publish());
    });
    return checkpoints;
  }

  get name(): string {
    return `massif-audit-${this.parts.region}`;
  }

  get verifierKey(): string {
    return verifierKeyOf(this.name, this.parts.key);
  }

  /** Of the log as it is now; signed anew when it grew. */
  async current(): Promise<string> {
    this.working = this.working.then(() => this.publish());
    await this.working;
    return this.newest;
  }

  /** Of the file, oldest first. */
  async all(most: number): Promise<string[]> {
    const text = await readFile(this.parts.path, 'utf8').catch(() => '');
    return readNotes(text).slice(-most);
  }

  async close(): Promise<void> {
    this.stop();
    await this.working;
    await this.publish();
  }

  private async resume(): Promise<void> {
    const { audit, key } = this.parts;
    const known = await this.all(FILE_NOTES_MAX + 1);
    const last = known.at(-1);
    if (last === undefined) return;
    if (known.length > FILE_NOTES_MAX) await this.shorten(known.slice(-FILE_NOTES_MAX / 2));
    const verifier = verifierOf(this.name, key);
    const before: Checkpoint = openCheckpoint(last, verifier);
    const { tree } = audit.chain;
    if (before.size > tree.size || !tree.root(before.size).equals(before.root))
      throw new Error(
        `The audit log is not the one that was signed: a checkpoint of ${before.size} entries, ${tree.size} are there, and the roots differ. Keep both and look.`,
      );
    this.signed = before.size;
    this.newest = last;
  }

  private async shorten(notes: readonly string[]): Promise<void> {
    const { path } = this.parts;
    await writeFile(`${path}.draft`, notes.map((note) => `${note}${NOTE_BREAK}`).join(''));
    await rename(`${path}.draft`, path);
  }

  /** Never rejects. */
  private async publish(): Promise<void> {
    const { audit, key, region, path, log } = this.parts;
    const { size } = audit.chain;
    if (size > this.signed) {
      const checkpoint = { origin: `massif/${region}/audit`, size, root: audit.chain.tree.root(size) };
      const note = signCheckpoint(checkpoint, this.name, key);
      try {
        await mkdir(dirname(path), { recursive: true });
        await appendFile(path, `${note}${NOTE_BREAK}`, { mode: 0o644 });
      } catch (error) {
        log.warn('audit.checkpoint.unwritten', { path, ...errorFields(error) });
        return;
      }
      this.signed = size;
      this.newest = note;
      for (const place of this.parts.regions) this.behind.set(place, [note]);
    }
    await Promise.all([...this.behind].map(([place, notes]) => this.carry(place, notes, size)));
  }

  private async carry(place: string, notes: readonly string[], size: number): Promise<void> {
    const { bus, region, log } = this.parts;
    try {
      const across = place === region ? {} : { domain: place };
      const create = { history: 1 };
      const bucket = await bus.kv(buckets.checkpoints(place), { create, ...across });
      for (const note of notes) await bucket.put(keys.auditCheckpoint(size % SLOTS), note);
      this.behind.delete(place);
    } catch (error) {
      // The next one proves this one as well: a place that was away gets that.
      log.warn('audit.checkpoint.undelivered', { place, ...errorFields(error) });
    }
  }
}

const readNotes = (text: string): string[] => text.split(NOTE_BREAK).filter((note) => note.trim() !== '');
