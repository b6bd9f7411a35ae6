// A release spec as it came, read strictly: what is wrong with it is said with the place where it stands.
import { failure } from '../../../contracts/errors.js';
import { ReleaseSpec } from '../../../contracts/release.js';

const SAID_MAX = 5;

export function readSpec(written: unknown): ReleaseSpec {
  const parsed = ReleaseSpec.safeParse(written);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues
    .slice(0, SAID_MAX)
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message));
  throw failure('BAD_REQUEST', `The release spec is not understood. ${said.join('; ')}.`);
}
