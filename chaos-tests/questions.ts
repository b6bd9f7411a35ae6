// Requests whose right answers are known: the model is run here, in the drill's own process, before anybody else runs it. An answer
// that belongs to another request is told apart from a right one.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { seededRandom } from '../services/mesh/random.js';

export interface Question {
  readonly input: Float32Array;
  /** Throws with the code WRONG_ANSWER unless these are this question's outputs. */
  check(outputs: unknown): void;
}

const TOLERANCE = 1e-3;

/** For a model with one input `x` [n, 784] and one output `y` [n, 10]. */
export async function questions(model: Uint8Array, count: number, width = 784): Promise<Question[]> {
  const session = await InferenceSession.create(model);
  const random = seededRandom(7);
  const asked: Question[] = [];
  for (let i = 0; i < count; i++) {
    const input = Float32Array.from({ length: width }, () => random());
    const { y } = await session.run({ x: new Tensor('float32', input, [1, width]) });
    const right = Float32Array.from(y?.data as Float32Array);
    asked.push({ input, check: (outputs) => assertSame(outputs, right) });
  }
  await session.release();
  return asked;
}

function assertSame(outputs: unknown, right: Float32Array): void {
  const same =
    outputs instanceof Float32Array &&
    outputs.length === right.length &&
    right.every(
      (value, i) => Math.abs(value - (outputs[i] as number)) <= TOLERANCE * Math.max(1, Math.abs(value)),
    );
  if (!same)
    throw Object.assign(new Error('the answer is not the one to this question'), { code: 'WRONG_ANSWER' });
}
