// A proof as what the steps of a recipe ask for. Steps that go by a measure go by the part that is for choosing.
import type { RecipeData } from '../../onnx/recipe/apply.js';
import type { Teachers } from './endpoint-teacher.js';
import type { Proof } from './proof.js';

export interface RecipeParts {
  /** The version that is compressed. */
  readonly parent: Uint8Array;
  readonly proof: Proof;
  readonly threads: number;
  readonly teachers?: Teachers | undefined;
}

export const recipeDataOf = ({ parent, proof, threads, teachers }: RecipeParts): RecipeData => {
  const { batches, samples, measure, network, feeds: example } = proof;
  return {
    ...(batches && { batches }),
    ...(network && { network }),
    ...(teachers && { teachers: teachers.of }),
    samples,
    example,
    measure: (model) => measure(model, 'choice'),
    threads,
    parent,
  };
};
