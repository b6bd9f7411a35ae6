// Graphs as onnxruntime rewrote them for this machine, in its own format, kept on disk for versions that come back: making a session of
// one takes less than half as long. An engine writes one beside its first load, the host keeps its digest in memory alone, and every later load verifies it: a
// file of an earlier life, of another library or another processor is never read. The residents ask.
import { mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../contracts/names.js';
import type { VersionRecord } from '../../contracts/registry.js';
import { isExternal, RESOURCES } from '../../contracts/manifest.js';

export interface PreparedGraph {
  readonly path: string;
  readonly digest: Digest;
  readonly bytes: number;
}

/** What a load is told: where to write one, or which to take. */
export type Preparation = { readonly writeTo: string } | { readonly take: PreparedGraph };

/** Below it the session is there in a few milliseconds anyway. */
const WORTH_BYTES = 1_048_576;
/** A protobuf ends at 2 GB, and what was rewritten may be larger than what was there. */
const BYTES_MAX = 1_073_741_824;
const KEPT_BYTES_MAX = 4 * 1_073_741_824;

export class PreparedGraphs {
  /** By version and taps, the longest unused first. */
  private readonly kept = new Map<string, PreparedGraph>();
  private bytes = 0;
  private written = 0;

  constructor(
    private readonly dir: string,
    private readonly keptBytesMax = KEPT_BYTES_MAX,
  ) {
    // Nobody knows what those of an earlier life should be.
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
  }

  /** Undefined for a version that is not worth it, or whose weights lie beside the graph. `taps`: which outputs it has beside its own. */
  for(version: Pick<VersionRecord, 'digest' | 'resources'>, taps = ''): Preparation | undefined {
    const graph = version.resources.find(({ name }) => name === RESOURCES.model);
    const weightsBeside = version.resources.some(({ name }) => isExternal(name));
    if (!graph || weightsBeside || graph.bytes < WORTH_BYTES || graph.bytes > BYTES_MAX) return undefined;
    const key = version.digest + taps;
    const take = this.kept.get(key);
    if (!take) return { writeTo: join(this.dir, `${version.digest}.${++this.written}`) };
    this.kept.delete(key);
    this.kept.set(key, take);
    return { take };
  }

  keep(version: Digest, graph: PreparedGraph, taps = ''): void {
    const key = version + taps;
    this.forget(key);
    this.kept.set(key, graph);
    this.bytes += graph.bytes;
    for (const oldest of this.kept.keys()) {
      if (this.bytes <= this.keptBytesMax || oldest === key) break;
      this.forget(oldest);
    }
  }

  private forget(key: string): void {
    const graph = this.kept.get(key);
    if (!graph) return;
    this.kept.delete(key);
    this.bytes -= graph.bytes;
    void rm(graph.path, { force: true });
  }
}
