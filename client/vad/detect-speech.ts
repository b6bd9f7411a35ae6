// Finds speech in a sound with Silero VAD v6: one call a chunk, whose state the caller carries from each call to the next. Without
// it (a state of zeros each time) half of the chunks would be judged wrong.
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

/** The chunk at `at` with its context before it; beyond both ends of the sound there is silence. */
function chunk(samples: Float32Array, at: number): InputTensor {
  const data = new Float32Array(CONTEXT + CHUNK);
  const from = Math.max(0, at - CONTEXT);
  data.set(samples.subarray(from, at + CHUNK), from - at + CONTEXT);
  return { data, shape: [1, CONTEXT + CHUNK] };
}
