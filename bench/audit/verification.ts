// What it costs to be sure of a version before it runs, as a shard does it: signature and policy, every byte hashed as it is read, the scan of
// the graph. The files were just written and lie in the system's cache.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { decode } from '../../services/onnx/model.js';
import { scanModel } from '../../services/onnx/scan.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { passGate } from '../../services/mesh/trust/gate.js';
import { policy, signedVersion } from '../../services/shard/testing/signed-version.js';
import { checkVerified, readVerified } from '../../services/shard/verified-read.js';
import { percentile } from '../report.js';

const MIB = 1_048_576;
/** 784 x 3,150 and 3,150 x 10 weights of four bytes: 10 MB. */
const HIDDEN = 3_150;

export async function verification({ times, largeMib }: { times: number; largeMib: number }) {
  const dir = await mkdtemp(join(tmpdir(), 'massif-verify-'));
  try {
    return { ...(await small(dir, times)), ...(await large(join(dir, 'large'), largeMib)) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function small(dir: string, times: number) {
  const bytes = mlp(1, HIDDEN);
  const { record } = signedVersion(bytes);
  const [resource] = record.resources;
  if (resource === undefined) throw new Error('a signed version has its graph');
  const path = join(dir, 'model.onnx');
  await writeFile(path, bytes);
  const samples: number[] = [];
  for (let n = 0; n < times; n++) {
    const from = performance.now();
    passGate(record, policy, { nowMs: Date.now(), region: 'east' });
    scanModel(decode(await readVerified(path, resource)), []);
    samples.push(performance.now() - from);
  }
  return { smallBytes: bytes.length, smallMs: percentile(samples, 0.5), smallMsMax: Math.max(...samples) };
}

/** Weights outside the graph: hashed chunk by chunk. */
async function large(path: string, mib: number) {
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  for (let n = 0; n < mib / 16; n++) {
    const part = randomBytes(16 * MIB);
    hash.update(part);
    await file.write(part);
  }
  await file.close();
  const from = performance.now();
  await checkVerified(path, { name: 'weights', digest: hash.digest('hex'), bytes: mib * MIB });
  return { largeMib: mib, secondsPerGib: ((performance.now() - from) / 1_000) * (1_024 / mib) };
}
