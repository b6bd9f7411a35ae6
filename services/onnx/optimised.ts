// A model as onnxruntime rewrites it while loading: batch norms folded, constants computed, shapes simplified. Cutting and
// costing look at that graph, because that is the one that runs.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExternalData } from './external-data.js';
import { openSession } from './session.js';

/** 'basic' stays within standard operators and runs on any machine; 'extended' fuses into com.microsoft operators. */
export async function optimised(
  model: Uint8Array,
  level: 'basic' | 'extended' = 'basic',
  external?: ExternalData,
): Promise<Uint8Array> {
  const folder = await mkdtemp(path.join(tmpdir(), 'massif-onnx-'));
  try {
    const file = path.join(folder, 'optimised.onnx');
    await using session = await openSession(model, {
      optimisation: level,
      optimisedPath: file,
      ...(external === undefined ? {} : { external }),
    });
    await session.close();
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
