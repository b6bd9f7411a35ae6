// A proof as what the steps of a recipe ask for. Steps that go by a measure go by the part that is for choosing.
import type { RecipeData } from '../../onnx/recipe/apply.js';
import type { Proof } from './proof.js';

export const recipeDataOf = ({ batches, samples, measure }: Proof, threads: number): RecipeData => ({
  ...(batches === undefined ? {} : { batches }),
  samples,
  measure: (model) => measure(model, 'choice'),
  threads,
});
