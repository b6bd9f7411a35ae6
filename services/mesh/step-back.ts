// Lets others on the same processors go first: a process on which no request waits, a node of a pool that is to come last. `nice` says so to
// processes of the same session; where Linux shares processors among sessions (autogroup: in a terminal, under `npm start`), whoever leads one
// says it to the others with a niceness of the session. That one may be set either way, and sessions that its children begin have it not.
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Of who decides and writes down, half the weight of the others: with five loads a second beside it a hot model's p99 was 26 % up without,
 * 7 % with 3 and 14 % with 5, and on cores that strangers keep busy who wakes a sleeper waits three times as long with 5, sixteen times with 10.
 */
export const BEHIND_REQUESTS = 3;

/** Of the session that the process leads. Does nothing in somebody else's session, or where sessions are not weighed. */
export function stepBack(niceness: number, pid = process.pid): void {
  try {
    if (sessionOf(pid) === pid) writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch {
    // It is no Linux, has no such groups, or took one a moment ago: a courtesy, no duty.
  }
}

/** The name of the program, which stands in brackets before it, may have brackets and spaces of its own. */
function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
}
