// The conversation about releases: the command line and operators' programs use it.
import { z } from 'zod';
import {
  HistoryReply,
  type JournalEntry,
  type ReleaseRecord,
  ReleaseReply,
  type ReleaseSpec,
  ReleasesReply,
} from '../contracts/release.js';
import { type ReleaseVerb, subjects } from '../contracts/subjects.js';
import type { Connections } from './connections.js';

const TIMEOUT_MS = 10_000;

export interface Order {
  readonly id: string;
  /** Who wants it; stands in the journal. */
  readonly by: string;
  readonly why?: string;
}

export class Releases {
  constructor(private readonly connections: Connections) {}

  /** The registry reads the spec and says what is wrong with it. */
  async apply(spec: z.input<typeof ReleaseSpec>, by: string): Promise<ReleaseRecord> {
    return (await this.ask('apply', ReleaseReply, { spec, by })).release;
  }

  async list(query: { endpoint?: string; active?: boolean } = {}): Promise<ReleasesReply['releases']> {
    return (await this.ask('list', ReleasesReply, query)).releases;
  }

  async show(id: string): Promise<ReleaseRecord> {
    return (await this.ask('show', ReleaseReply, { id })).release;
  }

  async pause(order: Order): Promise<ReleaseRecord> {
    return (await this.ask('pause', ReleaseReply, order)).release;
  }

  async resume(order: Order): Promise<ReleaseRecord> {
    return (await this.ask('resume', ReleaseReply, order)).release;
  }

  /** Past the present gate; in an experiment: the arm that won. With the step it is meant for it may be sent twice. */
  async promote(order: Order & { readonly arm?: string; readonly step?: number }): Promise<ReleaseRecord> {
    return (await this.ask('promote', ReleaseReply, order)).release;
  }

  async abort(order: Order): Promise<ReleaseRecord> {
    return (await this.ask('abort', ReleaseReply, order)).release;
  }

  /** The whole journal, oldest first. */
  async history(id: string): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for (;;) {
      const page = await this.ask('history', HistoryReply, { id, afterSeq: entries.length });
      entries.push(...page.entries);
      if (!page.more || page.entries.length === 0) return entries;
    }
  }

  private ask<T>(verb: ReleaseVerb, schema: z.ZodType<T>, body: unknown): Promise<T> {
    return this.connections.request(subjects.release(verb), schema, body, TIMEOUT_MS);
  }
}
