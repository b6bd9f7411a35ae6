// Hints: an inner value of the student is held against one of the teacher's through a regressor that learns with the student and
// is dropped at the end (Romero et al., FitNets, 2015). A 1 x 1 convolution for images, a matrix for everything else.
import type { Graph } from '../graph.js';
import { refusal } from '../refusal.js';
import { seeded } from '../seeded.js';
import { inferShapes } from '../shape.js';
import { float32 } from '../tensor.js';
import type { Loss } from '../training/loss.js';

export interface Hint {
  /** A value inside the student, and one of the teacher of the same places. */
  readonly student: string;
  readonly teacher: string;
  /** Channels of the teacher's value. */
  readonly channels: number;
  readonly weight: number;
}

export interface Hinted {
  readonly graph: Graph;
  readonly losses: readonly { readonly weight: number; readonly loss: Loss }[];
}

/** Takes the graph over. Throws MODEL_REFUSED naming a hint of which the student's channels are not known. */
export function withRegressors(graph: Graph, hints: readonly Hint[], seed: number): Hinted {
  if (hints.length === 0) return { graph, losses: [] };
  const types = inferShapes(graph);
  const random = seeded(seed + 1);
  const losses = hints.map(({ student, teacher, channels, weight }) => {
    const shape = types.get(student)?.shape;
    const image = shape?.length === 4;
    const own = shape?.at(image ? 1 : -1);
    if (shape === undefined || shape.length < 2 || typeof own !== 'number')
      throw refusal(`The hint "${student}" has no known number of channels in the student.`, {
        tensor: student,
      });
    const dims = image ? [channels, own, 1, 1] : [own, channels];
    const values = random.normals(own * channels, Math.sqrt(1 / own));
    const matrix = graph.setConstant(graph.fresh('regressor'), float32(dims, values));
    const [output = ''] = graph.add(image ? 'Conv' : 'MatMul', [student, matrix]).output;
    const loss: Loss = { kind: 'squares', output, targets: `massif.hint.${teacher}` };
    return { weight, loss };
  });
  return { graph, losses };
}
