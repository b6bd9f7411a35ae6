// Draws challenge probes of a version from its reference: requests as callers send them, with the answers of the registered bytes. Baselines ask, again when
// a set is used up.
import type { ProbeSet } from '../../../contracts/probe.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import type { Random } from '../../mesh/random.js';
import { toFloat16 } from '../../onnx/quantize/float16.js';
import { openSession, type Session } from '../../onnx/session.js';
import { float32, floatValues } from '../../onnx/tensor.js';
import { type Candidate, chooseProbes, probeSet } from '../fraud/probes.js';
import type { ReferenceInputs } from './reference.js';

const CANDIDATES = 256;
/** A stand-in that agrees on nine of ten passes 44 of them once in a hundred times. */
const PROBES = 64;
/** Of the largest number that is expected: rows that share a run are added up in another order. */
const TOLERANCE = 5e-5;

export async function makeProbes(
  { digest: version, model: name }: Pick<VersionRecord, 'digest' | 'model'>,
  model: Uint8Array,
  reference: ReferenceInputs & { readonly digest: string },
  output: string,
  random: Random,
): Promise<ProbeSet> {
  const { input, shape, rows } = reference;
  await using registered = await openSession(model);
  await using rounded = await standIn(model);
  const answer = async (session: Session, row: Float32Array): Promise<Float32Array> => {
    const found = await session.run({ [input]: float32([1, ...shape], row) }, [output]);
    const tensor = found[output];
    return tensor === undefined ? new Float32Array() : Float32Array.from(floatValues(tensor));
  };
  const candidates: Candidate[] = [];
  for (let i = 0; i < Math.min(CANDIDATES, rows.length); i++) {
    const row = rows[Math.floor(random() * rows.length)] as Float32Array;
    const others = rounded ? [await answer(rounded, row)] : [];
    candidates.push({ input: row, expected: await answer(registered, row), others });
  }
  const largest = candidates.reduce(
    (most, { expected }) => expected.reduce((a, value) => Math.max(a, Math.abs(value)), most),
    1,
  );
  return probeSet(
    {
      version,
      model: name,
      reference: reference.digest,
      input,
      shape: [1, ...shape],
      output,
      tolerance: TOLERANCE * largest,
    },
    chooseProbes(candidates, PROBES),
  );
}

/** The nearest of those that might be served instead; undefined where it does not load: then the narrowest answers are chosen. */
async function standIn(model: Uint8Array): Promise<Session | undefined> {
  try {
    return await openSession(toFloat16(model).model);
  } catch {
    return undefined;
  }
}
