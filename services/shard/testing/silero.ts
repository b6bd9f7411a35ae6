// Silero VAD as the tests of sequences use it: the signed version with its declared state, sounds of our own making, and what a
// single caller gets that carries the state by hand, with the runtime itself.
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import type { Card } from '../../../contracts/registry.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { Random } from '../../mesh/random.js';
import { sileroVad } from '../../onnx/testing/real-models.js';
import { signedVersion, type SignedVersion } from './signed-version.js';

export const CHUNK = 576;
const SELFTEST = new URL('../../../deploy/examples/vad.selftest.json', import.meta.url);

export const sileroCard: Partial<Card> = { state: [{ input: 'state', output: 'stateN', initial: 'zeros' }] };

export const sileroVersion = (card: Partial<Card> = {}, label = 'v6'): SignedVersion =>
  signedVersion(sileroVad(), {
    model: 'vad',
    label,
    card: { ...sileroCard, ...card },
    selftest: JSON.parse(readFileSync(SELFTEST, 'utf8')),
  });

/** Tones that come and go over noise: the state matters for what is said of them. */
export function sound(chunks: number, random: Random): Float32Array[] {
  const hz = 100 + 200 * random();
  return Array.from({ length: chunks }, (_, at) => {
    const loud = random() < 0.6 ? 0.5 : 0.01;
    return Float32Array.from(
      { length: CHUNK },
      (_, i) => loud * Math.sin(((at * CHUNK + i) * hz * 2 * Math.PI) / 16_000) + 0.02 * (random() - 0.5),
    );
  });
}

export const stepInputs = (chunk: Float32Array): Tensor[] => [
  { name: 'input', datatype: 'FP32', shape: [1, CHUNK], data: chunk },
  { name: 'sr', datatype: 'INT64', shape: [], data: BigInt64Array.of(16_000n) },
];

/** The probabilities of one sound, chunk by chunk. */
export class Reference implements AsyncDisposable {
  private constructor(private readonly session: InferenceSession) {}

  static async open(): Promise<Reference> {
    return new Reference(
      await InferenceSession.create(sileroVad(), { intraOpNumThreads: 1, logSeverityLevel: 4 }),
    );
  }

  async probabilities(chunks: readonly Float32Array[]): Promise<number[]> {
    let state = new RuntimeTensor('float32', new Float32Array(256), [2, 1, 128]);
    const found: number[] = [];
    for (const chunk of chunks) {
      const { output, stateN } = await this.session.run({
        input: new RuntimeTensor('float32', chunk, [1, CHUNK]),
        state,
        sr: new RuntimeTensor('int64', BigInt64Array.of(16_000n), []),
      });
      found.push(Number(output?.data[0]));
      state = stateN as typeof state;
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.release();
  }
}
