// Normal, suspicious or abnormal: what the evidence of a version's stream means. The watch asks; what is done about it is decided elsewhere.
import type { Fault, Judgement, StreamSource, Verdict } from '../../../contracts/detection.js';

/**
 * A person is told: at most one clean request in so many sees it, and half of that is what the bound needs: the reference is a sample
 * itself, and requests of one caller resemble each other more than chance.
 */
export const TELL_AT = 3e5;
/** With a second sign, the version may be taken out. */
export const STOP_AT = 1e7;

export const AS_EXPECTED = 'As in the reference.';

export interface Evidence {
  readonly faults: readonly Fault[];
  readonly total: number;
  /** Evidence by source as if it were watched alone. */
  readonly bySource: Readonly<Record<StreamSource, number>>;
  readonly classMix: number;
  /** Costlier checks and probes that said the version is not what it was; undefined where none was run. */
  readonly confirmed?: boolean;
}

/**
 * Faults are abnormal at once. Inputs alone never are: other inputs are the callers' doing, and a person has to look. Abnormal takes
 * STOP_AT and a second sign of another kind: output and intermediate both past TELL_AT while inputs are not, or a check that confirmed.
 */
export function decideVerdict({
  faults,
  total,
  bySource,
  classMix,
  confirmed,
}: Evidence): Pick<Judgement, 'verdict' | 'why'> {
  const say = (verdict: Verdict, why: string) => ({ verdict, why });
  if (faults.length > 0) return say('abnormal', `The answer is broken: ${faults.join(', ')}.`);
  if (confirmed === true && total >= TELL_AT)
    return say('abnormal', 'The stream changed, and a check of the version confirmed it.');
  const inputsMoved = bySource.input >= TELL_AT;
  const bothMoved = bySource.output >= TELL_AT && bySource.intermediate >= TELL_AT;
  if (total >= STOP_AT && bothMoved && !inputsMoved)
    return say('abnormal', 'Answers and hidden features changed while the inputs did not.');
  if (total >= TELL_AT && inputsMoved)
    return say('suspicious', 'The inputs are not those of the reference any more.');
  if (total >= TELL_AT) return say('suspicious', 'The answers or hidden features changed.');
  if (classMix >= TELL_AT)
    return say('suspicious', 'The classes come in other shares than in the reference.');
  return say('normal', AS_EXPECTED);
}
