// The trust of a process, from two files in its folder of keys: the trust root's public key and the policy that the root signed.
// Registry and shards read them at start and look again every few seconds, so a new policy counts without a restart. While
// either file is missing or wrong nothing new is trusted, and what was trusted stays.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { failure } from '../../../contracts/errors.js';
import { Envelope } from '../../../contracts/manifest.js';
import type { TrustPolicy } from '../../../contracts/trust-policy.js';
import type { Clock } from '../clock.js';
import { errorFields, type Log } from '../log.js';
import type { MeshConfig } from '../service-config.js';
import { fingerprintOf, publicKeyOf } from './signing-key.js';
import { strictJson } from '../strict-json.js';
import { PolicyKeeper, type PolicyReader } from './trust-policy.js';

export const TRUST_FILES = { rootKey: 'root.pub.pem', policy: 'trust-policy.json' } as const;

// A revoked key should lose its power within seconds; two small files cost nothing to read.
const LOOK_AGAIN_MS = 2_000;
const FILE_BYTES_MAX = 2 * 1024 * 1024;

const Seen = z.object({ root: z.string(), version: z.int().min(0) });

/** One a process: two of them may share a folder of data. */
export const seenPathOf = ({ dataDir, instance }: Pick<MeshConfig, 'dataDir' | 'instance'>): string =>
  join(dataDir, `trust-seen-${instance}.json`);

export interface TrustFilesOptions {
  readonly dir: string;
  /** Where the highest policy version is remembered, so that a restart brings no older one back. */
  readonly seenPath?: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class TrustFiles implements PolicyReader {
  private keeper: PolicyKeeper | undefined;
  private read: TrustFiles['documents'];
  private rootPem = '';
  private complaint = '';
  private stopLooking: () => void = () => undefined;

  static async open(options: TrustFilesOptions): Promise<TrustFiles> {
    const files = new TrustFiles(options);
    await files.look();
    files.stopLooking = options.clock.every(LOOK_AGAIN_MS, () => void files.look());
    return files;
  }

  private constructor(private readonly options: TrustFilesOptions) {}

  /** The two files as they were read last, for those who have none; undefined while they cannot be read. */
  get documents(): { readonly rootPublicKeyPem: string; readonly policy: Envelope } | undefined {
    return this.read;
  }

  current(): TrustPolicy {
    if (this.keeper) return this.keeper.current();
    throw failure('UNSIGNED', `No trust root: ${this.complaint}`);
  }

  /** Never rejects. */
  async look(): Promise<void> {
    const { dir, log } = this.options;
    try {
      // The root key is taken once: another root is another mesh, and asks for a restart.
      if (!this.keeper) {
        this.rootPem = await readFile(join(dir, TRUST_FILES.rootKey), 'utf8');
        this.keeper = new PolicyKeeper(publicKeyOf(this.rootPem), await this.seen());
      }
      const bytes = await readFile(join(dir, TRUST_FILES.policy));
      const policy = Envelope.parse(strictJson(bytes, 'The trust policy', { bytesMax: FILE_BYTES_MAX }));
      if (this.keeper.offer(policy)) {
        await this.remember(this.keeper.current().version);
        this.read = { rootPublicKeyPem: this.rootPem, policy };
        log.info('trust.policy', { version: this.keeper.current().version });
      }
      this.complaint = '';
    } catch (error) {
      const complaint = error instanceof Error ? error.message : String(error);
      if (complaint !== this.complaint) log.warn('trust.unreadable', { dir, ...errorFields(error) });
      this.complaint = complaint;
    }
  }

  close(): void {
    this.stopLooking();
  }

  /** Under this very root: a mesh that was made anew begins anew. A file that says nothing readable says 0. */
  private async seen(): Promise<number> {
    const { seenPath } = this.options;
    if (seenPath === undefined) return 0;
    const text = await readFile(seenPath, 'utf8').catch(() => '{}');
    try {
      const read = Seen.safeParse(JSON.parse(text));
      return read.success && read.data.root === this.rootPrint ? read.data.version : 0;
    } catch {
      return 0;
    }
  }

  private async remember(version: number): Promise<void> {
    const { seenPath, log } = this.options;
    if (seenPath === undefined) return;
    try {
      await mkdir(dirname(seenPath), { recursive: true });
      // Services of one process remember at the same time.
      const draft = `${seenPath}.${randomUUID()}.draft`;
      await writeFile(draft, JSON.stringify({ root: this.rootPrint, version }));
      await rename(draft, seenPath);
    } catch (error) {
      // It goes on with what it has in memory; only a restart would know less.
      log.warn('trust.seen.unwritten', { seenPath, ...errorFields(error) });
    }
  }

  private get rootPrint(): string {
    return fingerprintOf(publicKeyOf(this.rootPem));
  }
}
