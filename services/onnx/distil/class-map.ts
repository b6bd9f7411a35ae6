// What a teacher of one task says to a student of another: its probabilities moved to the student's classes and made to add up to one again,
// p' = M p / |M p|. Where it says next to nothing about any of them the label speaks, or else all classes alike.
import { refusal } from '../refusal.js';
import { float32, floatValues, numberValues, type Tensor } from '../tensor.js';

/** Below it what a teacher says of the student's classes is noise. */
const LEAST_MASS = 0.05;

/** `classes`: for each of the teacher's the student's, or null. Throws MODEL_REFUSED where the list fits neither. */
export function translated(
  probabilities: Tensor,
  classes: readonly (number | null)[],
  count: number,
  labels?: Tensor,
): Tensor {
  const from = probabilities.dims.at(-1) ?? 1;
  if (classes.length !== from)
    throw refusal(`"classes" has ${classes.length} entries; the teacher tells ${from} classes.`);
  const beyond = classes.find((one) => one !== null && one >= count);
  if (beyond !== undefined || count < 1)
    throw refusal(`"classes" names class ${beyond}; the student has ${count}.`);
  const values = floatValues(probabilities);
  const rows = values.length / from;
  const known = labels === undefined || labels.data.length !== rows ? [] : numberValues(labels);
  const moved = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    const own = moved.subarray(row * count, (row + 1) * count);
    classes.forEach((to, i) => {
      if (to !== null) own[to] = (own[to] ?? 0) + (values[row * from + i] ?? 0);
    });
    const mass = own.reduce((a, b) => a + b, 0);
    const label = known[row];
    if (mass >= LEAST_MASS) own.set(own.map((value) => value / mass));
    else if (label === undefined) own.fill(1 / count);
    else own.set(own.map((_, i) => (i === label ? 1 : 0)));
  }
  return float32(probabilities.dims.with(-1, count), moved);
}
