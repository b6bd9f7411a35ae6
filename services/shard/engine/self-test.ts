// A version's own proof, the signed resource selftest.json: inputs with the outputs they must give. A replica that fails it is
// never announced. The cases also give warm-up its real shapes.
import { z } from 'zod';
import { failure } from '../../../contracts/errors.js';
import { checkInputs, decodeInferRequest, decodeInferResponse } from '../../../contracts/infer-body.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { Declared } from './model-session.js';
import { inOrder } from './rows.js';
import { difference } from './same-values.js';

export interface TestCase {
  readonly inputs: Tensor[];
  readonly outputs: readonly Tensor[];
  readonly tolerance: number;
}

const CASES_MAX = 64;
/** Kernels differ between machines in the last bits; more than this is another model. */
const TOLERANCE_DEFAULT = 1e-3;

const SelfTest = z.object({
  cases: z
    .array(
      z.object({
        inputs: z.array(z.unknown()),
        outputs: z.array(z.unknown()).default([]),
        tolerance: z.number().min(0).default(TOLERANCE_DEFAULT),
      }),
    )
    .min(1)
    .max(CASES_MAX),
});

/** Tensors are written as in the protocol's JSON. Throws MODEL_REFUSED when the file or its inputs do not fit the model. */
export function readSelfTest(bytes: Uint8Array, { inputs: specs }: Declared): TestCase[] {
  try {
    const { cases } = SelfTest.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return cases.map(({ inputs, outputs, tolerance }) => {
      const request = decodeInferRequest(json({ inputs }), undefined, specs);
      checkInputs(request, specs);
      const expected = decodeInferResponse(json({ model_name: 'selftest', outputs }), undefined);
      return { inputs: inOrder(request.inputs, specs), outputs: expected.outputs, tolerance };
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw failure('MODEL_REFUSED', `selftest.json does not fit the model: ${why}`, {}, cause);
  }
}

export async function runSelfTest(
  cases: readonly TestCase[],
  run: (inputs: readonly Tensor[]) => Promise<Tensor[]>,
): Promise<void> {
  for (const [i, { inputs, outputs, tolerance }] of cases.entries()) {
    const problem = difference(await run(inputs), outputs, tolerance);
    if (problem !== undefined)
      throw failure('MODEL_REFUSED', `The version fails case ${i + 1} of its own self-test: ${problem}.`);
  }
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
