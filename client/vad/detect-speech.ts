// Finds speech in a sound with Silero VAD v6: one call a chunk, whose state goes from each call to the next. Where the endpoint keeps
// the state of sequences the mesh carries it, else the caller does. Without it (a state of zeros each time) half of the chunks would
// be judged wrong.
import { failure } from '../../contracts/errors.js';
import type { Call, InputTensor } from '../call.js';
import { CHUNK, type Interval, speechIntervals } from './speech-intervals.js';
import { SAMPLE_RATE } from './wav.js';

/** Every chunk is preceded by the last samples of the one before. */
const CONTEXT = 64;
const STATE_SHAPE = [2, 1, 128] as const;
const sampleRate: InputTensor = { data: BigInt64Array.of(BigInt(SAMPLE_RATE)), shape: [] };

export async function detectSpeech(samples: Float32Array, call: Call): Promise<Interval[]> {
  let state: InputTensor = { data: new Float32Array(2 * 128), shape: STATE_SHAPE };
  const probabilities: number[] = [];
  for (let at = 0; at < samples.length; at += CHUNK) {
    const answer = await call({ input: chunk(samples, at), state, sr: sampleRate });
    const { output, stateN } = answer;
    if (!(output?.data instanceof Float32Array) || !(stateN?.data instanceof Float32Array)) {
      throw failure('INTERNAL', 'The detector answered without `output` and `stateN`: is it Silero VAD v6?');
    }
    probabilities.push(output.data[0] ?? 0);
    state = { data: stateN.data, shape: STATE_SHAPE };
  }
  return speechIntervals(probabilities, samples.length);
}

/** The same at an endpoint that keeps the state: first, next and last are calls of one sequence. */
export async function detectSpeechInSequence(
  samples: Float32Array,
  sequence: Record<'start' | 'step' | 'end', Call>,
): Promise<Interval[]> {
  const probabilities: number[] = [];
  for (let at = 0; at < samples.length; at += CHUNK) {
    const kind = at === 0 ? 'start' : at + CHUNK >= samples.length ? 'end' : 'step';
    const { output } = await sequence[kind]({ input: chunk(samples, at), sr: sampleRate });
    if (!(output?.data instanceof Float32Array))
      throw failure('INTERNAL', 'The detector answered without `output`: is it Silero VAD v6?');
    probabilities.push(output.data[0] ?? 0);
  }
  return speechIntervals(probabilities, samples.length);
}

/** The chunk at `at` with its context before it; beyond both ends of the sound there is silence. */
function chunk(samples: Float32Array, at: number): InputTensor {
  const data = new Float32Array(CONTEXT + CHUNK);
  const from = Math.max(0, at - CONTEXT);
  data.set(samples.subarray(from, at + CHUNK), from - at + CONTEXT);
  return { data, shape: [1, CONTEXT + CHUNK] };
}
