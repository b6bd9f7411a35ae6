// What a version record says of its model, read from the very bytes that were signed: the graph's inputs and outputs, its size, and
// the publisher's card. Throws MODEL_REFUSED where the runtime would be crashed or confused.
import { failure } from '../../contracts/errors.js';
import { isExternal, RESOURCES } from '../../contracts/manifest.js';
import { Card, type VersionRecord } from '../../contracts/registry.js';
import { checkState } from '../../contracts/sequence-state.js';
import type { TensorSpec } from '../../contracts/tensor-spec.js';
import { strictJson } from '../mesh/strict-json.js';
import { scan } from '../onnx/scan.js';
import type { TensorSpec as ScannedSpec } from '../onnx/signature.js';

export type Description = Pick<
  VersionRecord,
  'inputs' | 'outputs' | 'opset' | 'irVersion' | 'parameterCount' | 'card' | 'findings'
>;

export const CARD_BYTES_MAX = 64 * 1024;

/** `names` are those of all signed resources; what is not ours by name may hold weights of the graph. */
export function describe(
  model: Uint8Array,
  card: Uint8Array | undefined,
  names: readonly string[],
): Description {
  const external = names.filter((name) => isExternal(name));
  const { signature, opsets, irVersion, parameterCount, findings } = scan(model, external);
  // The protocol's metadata has no word for it, so every call would be refused for its shape.
  const vague = signature.inputs.find((input) => input.anyRank);
  if (vague)
    throw failure('MODEL_REFUSED', `The input "${vague.name}" does not say how many dimensions it has.`, {
      input: vague.name,
    });
  const described = { inputs: signature.inputs.map(specOf), outputs: signature.outputs.map(specOf) };
  const read = readCard(card);
  if (read.state) checkState(read.state, described);
  return {
    ...described,
    opset: opsets[''] ?? opsets['ai.onnx'] ?? 0,
    irVersion,
    parameterCount,
    card: read,
    ...(findings.length > 0 && { findings: [...findings] }),
  };
}

/** A version without a card gets one that says nothing. */
export function readCard(bytes: Uint8Array | undefined): Card {
  if (!bytes) return Card.parse({});
  const value = strictJson(bytes, RESOURCES.card, { bytesMax: CARD_BYTES_MAX });
  const parsed = Card.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.map(String).join('.') ?? '';
  throw failure(
    'BAD_REQUEST',
    `${RESOURCES.card}: ${where}: ${issue?.message ?? 'not a card'}.`,
    {},
    parsed.error,
  );
}

const specOf = ({ name, datatype, shape, symbols }: ScannedSpec): TensorSpec => ({
  name,
  datatype,
  shape: [...shape],
  dims: [...symbols],
});
