// The sequence of a request as headers say it, for callers that keep their body free of parameters and for the last hop to an
// engine. What the body says is in body-parameters.ts; both give the same.
import type { Sequence } from './body-parameters.js';
import { failure } from './errors.js';
import { headers } from './headers.js';

const ID_LENGTH_MAX = 128;

/** As they came; undefined or empty: not sent. 0 is no sequence, as in the body. Ids are percent-encoded where need be. */
export function sequenceInHeaders(
  id: string | undefined,
  start: string | undefined,
  end: string | undefined,
): Sequence | undefined {
  if (!id || id === '0') return undefined;
  return {
    id: readId(id),
    start: flag(headers.sequenceStart, start),
    end: flag(headers.sequenceEnd, end),
  };
}

/** The headers and their values that say so. */
export function sequenceHeaders({ id, start, end }: Sequence): [string, string][] {
  const lines: [string, string][] = [[headers.sequence, encodeURIComponent(id)]];
  if (start) lines.push([headers.sequenceStart, '1']);
  if (end) lines.push([headers.sequenceEnd, '1']);
  return lines;
}

function readId(text: string): string {
  let id = text;
  try {
    id = decodeURIComponent(text);
  } catch {
    // A percent sign that means itself.
  }
  if (id.length <= ID_LENGTH_MAX) return id;
  throw failure('BAD_REQUEST', `${headers.sequence} may have ${ID_LENGTH_MAX} characters, got ${id.length}.`);
}

function flag(name: string, value: string | undefined): boolean {
  if (!value || value === '0' || value === 'false') return false;
  if (value === '1' || value === 'true') return true;
  throw failure('BAD_REQUEST', `${name} is 1 or 0.`);
}
