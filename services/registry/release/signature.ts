// Whether callers of one version can go on with another: every input they send must be taken, every output they read must be there.
import { failure } from '../../../contracts/errors.js';
import type { VersionRecord } from '../../../contracts/registry.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';

type Signed = Pick<VersionRecord, 'label' | 'inputs' | 'outputs'>;

/** Throws a sentence on the first difference that a caller would notice. */
export function checkSignature(from: Signed, to: Signed): void {
  for (const before of from.inputs) {
    const after = to.inputs.find(({ name }) => name === before.name);
    if (!after) throw differs(from, to, `has no input "${before.name}"`);
    check(from, to, 'input', before, after);
  }
  const more = to.inputs.find(({ name }) => !from.inputs.some((one) => one.name === name));
  if (more) throw differs(from, to, `wants an input "${more.name}" that nobody sends`);
  for (const before of from.outputs) {
    const after = to.outputs.find(({ name }) => name === before.name);
    if (!after) throw differs(from, to, `has no output "${before.name}"`);
    check(from, to, 'output', before, after);
  }
}

function check(from: Signed, to: Signed, what: string, before: TensorSpec, after: TensorSpec): void {
  if (before.datatype !== after.datatype)
    throw differs(from, to, `has the ${what} "${before.name}" as ${after.datatype}, not ${before.datatype}`);
  if (!fits(before.shape, after.shape))
    throw differs(
      from,
      to,
      `has the ${what} "${before.name}" with the shape [${after.shape.join(',')}], not [${before.shape.join(',')}]`,
    );
}

/** A dimension of -1 is any. */
function fits(before: readonly number[], after: readonly number[]): boolean {
  if (before.length !== after.length) return false;
  return before.every((size, axis) => after[axis] === -1 || size === -1 || after[axis] === size);
}

const differs = (from: Signed, to: Signed, how: string) =>
  failure(
    'BAD_REQUEST',
    `The version "${to.label}" cannot take the calls of "${from.label}": it ${how}. Serve it at an endpoint of its own.`,
  );
