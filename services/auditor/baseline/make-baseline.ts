// Makes the baseline of a version from reference requests: runs the registered bytes on them and on surrogates of them, and calibrates. Without
// taps: the served graph is the one that was signed. The auditor's controller asks.
import type { Baseline } from '../../../contracts/detection.js';
import { failure } from '../../../contracts/errors.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import type { Random } from '../../mesh/random.js';
import { openSession } from '../../onnx/session.js';
import { calibrate } from '../detect/calibrate.js';
import { modelRows, type RowSource } from '../detect/model-rows.js';
import { SURROGATES, surrogate } from '../detect/surrogates.js';
import { kindOf, readReference } from './reference.js';

/** Abnormal ones of each family, for choosing the score. */
const SURROGATES_EACH = 300;
/** Rows that say whether an output holds probabilities. */
const LOOKED_AT = 50;

/** Throws DATA_REFUSED where the reference does not fit the version or is too small. */
export async function makeBaseline(
  version: VersionRecord,
  model: Uint8Array,
  text: string,
  asked: string | undefined,
  random: Random,
): Promise<Baseline> {
  const { input, shape, rows } = readReference(text, version);
  const spec = version.outputs.find(({ name, datatype }) => datatype === 'FP32' && name === (asked ?? name));
  if (!spec)
    throw failure(
      'DATA_REFUSED',
      `The version has no output${asked === undefined ? '' : ` "${asked}"`} of FP32.`,
    );
  await using session = await openSession(model);
  const source: RowSource = { session, input, shape, output: spec.name, kind: 'logits', batch: 1 };
  const looked = await modelRows(source, rows.slice(0, LOOKED_AT));
  const kind = kindOf(looked.map(({ logits }) => logits));
  const classes = looked[0]?.logits.length ?? 0;
  if (classes < 2)
    throw failure('DATA_REFUSED', `The output "${spec.name}" has no classes to watch: name another one.`);
  const run = (inputs: readonly Float32Array[]) => modelRows({ ...source, kind }, inputs);
  const families: Record<string, Awaited<ReturnType<typeof run>>> = {};
  for (const family of SURROGATES) {
    const some = rows.slice(0, SURROGATES_EACH);
    families[family] = await run(
      some.map((one, i) => surrogate(family, one, rows[(i * 7 + 1) % rows.length] ?? one, random)),
    );
  }
  return calibrate({
    version: version.digest,
    input,
    output: { name: spec.name, kind, classes },
    fit: [],
    clean: await run(rows),
    families,
  });
}
