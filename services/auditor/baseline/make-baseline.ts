// Makes the baseline of a version from reference requests: taps the hidden layer that tells most, runs the registered bytes with that tap on the reference and
// on surrogates of it, and calibrates. Where no layer can be tapped answers and inputs are watched alone, and the reply says why. Baselines ask.
import type { Baseline } from '../../../contracts/detection.js';
import { failure, toFailure } from '../../../contracts/errors.js';
import { ROW_MAX, TAP_ROW_MAX } from '../../../contracts/observation.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import type { TapPlan } from '../../../contracts/taps.js';
import type { Random } from '../../mesh/random.js';
import { openSession } from '../../onnx/session.js';
import { calibrate, REFERENCE_LEAST } from '../detect/calibrate.js';
import { modelRows, type RowSource } from '../detect/model-rows.js';
import { onboard, type OnboardRequest } from '../detect/onboard.js';
import { SURROGATES, surrogate } from '../detect/surrogates.js';
import { kindOf, readReference } from './reference.js';

/** Abnormal ones of each family, for choosing the score. */
const SURROGATES_EACH = 300;
/** Rows that say whether an output holds probabilities. */
const LOOKED_AT = 50;
/** Of the reference, for the features' means and covariances: ranks are taken of others, or they would look too normal. */
const FIT_SHARE = 1 / 3;
const FIT_MOST = 2_000;
/** Measured on fewer than bench detect does: somebody waits, and other work shares the process. */
const CHOICE = { fit: 1_000, clean: 500, abnormal: 60, layers: 4 };

export interface MadeBaseline {
  readonly baseline: Baseline;
  /** The output as callers get it. */
  readonly asked: string;
  /** What engines add to the graph, and what the tap costs: p50 of a run that fetches it over one without. */
  readonly plan?: Pick<TapPlan, 'opset' | 'taps'>;
  readonly cost?: number;
  /** Why there is no tap. */
  readonly untapped?: string;
}

/** Throws DATA_REFUSED where the reference does not fit the version or is too small. */
export async function makeBaseline(
  version: VersionRecord,
  model: Uint8Array,
  text: string,
  asked: string | undefined,
  random: Random,
): Promise<MadeBaseline> {
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
  if (classes < 2 || classes > TAP_ROW_MAX)
    throw failure('DATA_REFUSED', `The output "${spec.name}" has no classes to watch: name another one.`);
  const families: Record<string, Float32Array[]> = {};
  for (const family of SURROGATES)
    families[family] = rows
      .slice(0, SURROGATES_EACH)
      .map((one, i) => surrogate(family, one, rows[(i * 7 + 1) % rows.length] ?? one, random));
  const tapped = await withTap({
    version: version.digest,
    model,
    input,
    shape,
    output: spec.name,
    kind,
    batch: 1,
    ...split(rows),
    families,
    choice: CHOICE,
  });
  if ('baseline' in tapped) return { ...tapped, asked: spec.name };
  if (classes > ROW_MAX)
    throw failure(
      'DATA_REFUSED',
      `The output "${spec.name}" has ${classes} classes; more than ${ROW_MAX} are watched through a tap alone: ${tapped.untapped}`,
    );
  const run = (inputs: readonly Float32Array[]) => modelRows({ ...source, kind }, inputs);
  const answers: Record<string, Awaited<ReturnType<typeof run>>> = {};
  for (const [family, inputs] of Object.entries(families)) answers[family] = await run(inputs);
  const about = { version: version.digest, input, output: { name: spec.name, kind, classes } };
  const baseline = await calibrate({ ...about, fit: [], clean: await run(rows), families: answers });
  return { baseline, asked: spec.name, ...tapped };
}

/** Every third for the features, so that both parts have all of the stream. */
function split(rows: readonly Float32Array[]): Pick<OnboardRequest, 'fit' | 'clean'> {
  const every = Math.max(1 / FIT_SHARE, Math.ceil(rows.length / FIT_MOST));
  return { fit: rows.filter((_, i) => i % every === 0), clean: rows.filter((_, i) => i % every !== 0) };
}

async function withTap(
  request: OnboardRequest,
): Promise<Omit<MadeBaseline, 'asked'> | { readonly untapped: string }> {
  if (request.clean.length < REFERENCE_LEAST)
    return {
      untapped: `A third of the reference goes into the features, and ${REFERENCE_LEAST} requests have to be left: give ${Math.ceil(REFERENCE_LEAST / (1 - FIT_SHARE))}.`,
    };
  try {
    const { baseline, plan, cost } = await onboard(request);
    return { baseline, plan, cost: cost.fetched };
  } catch (error) {
    const known = toFailure(error);
    // Whatever is wrong with the reference itself is said when the rest is made of it.
    if (known.code !== 'DATA_REFUSED' && known.code !== 'MODEL_REFUSED') throw error;
    return { untapped: known.message };
  }
}
