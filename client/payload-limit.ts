// A message above the server's limit would close the connection; here it becomes a refusal that says so.
import { failure } from '../contracts/errors.js';
import type { Bus } from '../services/mesh/bus.js';

/** Headers count too; ours and a trace context stay well below this. */
const HEADER_BYTES = 2_048;

export function checkSize(bytes: Uint8Array, { nc }: Bus): void {
  const limit = (nc.info?.max_payload ?? Infinity) - HEADER_BYTES;
  if (bytes.length <= limit) return;
  throw failure('TOO_LARGE', `The body has ${bytes.length} bytes, the bus carries ${limit}.`, {
    bytes: bytes.length,
    limit,
  });
}
