// From the probability of speech in every chunk to intervals of speech, as Silero's get_speech_timestamps does it: speech begins
// above one threshold and ends below a lower one, short pauses and short noises are passed over, edges are padded.
import { SAMPLE_RATE } from './wav.js';

export const CHUNK = 512;
const BEGINS_AT = 0.5;
/** Lower than the beginning, so that a wavering probability does not cut a word in two. */
const ENDS_BELOW = 0.35;
const samplesOf = (ms: number): number => (ms * SAMPLE_RATE) / 1_000;
const SPEECH_MIN = samplesOf(250);
const SILENCE_MIN = samplesOf(100);
const PADDING = samplesOf(30);

export interface Interval {
  startS: number;
  endS: number;
}

interface Span {
  start: number;
  end: number;
}

export function speechIntervals(probabilities: readonly number[], sampleCount: number): Interval[] {
  return padded(spans(probabilities, sampleCount), sampleCount).map(({ start, end }) => ({
    startS: start / SAMPLE_RATE,
    endS: end / SAMPLE_RATE,
  }));
}

function spans(probabilities: readonly number[], sampleCount: number): Span[] {
  const found: Span[] = [];
  let start: number | undefined;
  let silentSince: number | undefined;
  probabilities.forEach((probability, chunk) => {
    const at = chunk * CHUNK;
    if (probability >= BEGINS_AT) {
      start ??= at;
      silentSince = undefined;
    } else if (probability < ENDS_BELOW && start !== undefined) {
      silentSince ??= at;
      if (at - silentSince < SILENCE_MIN) return;
      if (silentSince - start > SPEECH_MIN) found.push({ start, end: silentSince });
      start = silentSince = undefined;
    }
  });
  if (start !== undefined && sampleCount - start > SPEECH_MIN) found.push({ start, end: sampleCount });
  return found;
}

/** Where the pause between two intervals is too short for both paddings, they share it. */
function padded(intervals: readonly Span[], sampleCount: number): Span[] {
  const shared = (pause: number): number => (pause < 2 * PADDING ? Math.floor(pause / 2) : PADDING);
  return intervals.map(({ start, end }, i) => {
    const before = intervals[i - 1];
    const after = intervals[i + 1];
    return {
      start: Math.max(0, start - (before ? shared(start - before.end) : PADDING)),
      end: Math.min(sampleCount, end + (after ? shared(after.start - end) : PADDING)),
    };
  });
}
