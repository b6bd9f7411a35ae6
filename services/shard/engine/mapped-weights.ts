// Weights that lie beside a graph, as files that onnxruntime maps into memory: a model is then there once, as pages that the kernel may
// drop and read again, and not as a copy of the library's beside one of ours. The files are the engine's own: written from the very bytes
// that were checked, in a folder that only its user may enter, and without a name as soon as they are mapped. load.ts asks.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../../contracts/errors.js';
import type { LoadOrder } from '../engine-messages.js';
import { copyVerified, type Expected } from '../verified-read.js';

export interface MappedWeights extends AsyncDisposable {
  /** Undefined when nothing is to be mapped. */
  readonly folder: string | undefined;
  readonly names: ReadonlySet<string>;
}

const NONE: MappedWeights = {
  folder: undefined,
  names: new Set(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** A name is a stranger's word: what may lead out of the folder stays in memory. */
const FILE_NAME = /^\w[\w.-]{0,199}$/;

/** @throws Failure UNSIGNED for a file that is not what was signed. Where there is no room on the disk, nothing is mapped. */
export async function mapWeights(
  { weightsDir: folder, artifactsDir }: Pick<LoadOrder, 'weightsDir' | 'artifactsDir'>,
  resources: readonly Expected[],
): Promise<MappedWeights> {
  const beside = resources.filter(({ name }) => FILE_NAME.test(name));
  if (folder === undefined || beside.length === 0) return NONE;
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const one of beside) await copyVerified(join(artifactsDir, one.digest), one, join(folder, one.name));
  } catch (error) {
    await remove().catch(() => undefined);
    // Full, read-only or missing a disk is no word against the model: its bytes are then read and held, or that fails by itself.
    if (error instanceof Failure) throw error;
    return NONE;
  }
  return { folder, names: new Set(beside.map(({ name }) => name)), [Symbol.asyncDispose]: remove };
}
