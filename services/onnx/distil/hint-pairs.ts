// Which inner values of a student are held against which of the teacher's: values of the same places at about the same depth, spread
// evenly over the network. What both call by the same name goes together, since the student was cut out of the teacher.
import type { Graph } from '../graph.js';
import { inferShapes } from '../shape.js';
import { tapCandidates, type TapCandidate } from '../tap/candidates.js';

export interface HintPair {
  readonly student: string;
  readonly teacher: string;
  /** Channels of the teacher's. */
  readonly channels: number;
}

interface Known extends TapCandidate {
  /** Sizes without batch and channels. */
  readonly places: string;
  /** From 0 at the input to 1 at the answer. */
  readonly depth: number;
}

/** At most `count`, in the order of the student; fewer where fewer fit. */
export function hintPairs(student: Graph, teacher: Graph, count: number): HintPair[] {
  const theirs = knownValues(teacher);
  const fitting = knownValues(student).flatMap((own): HintPair[] => {
    const same = theirs.filter(({ rank, places }) => rank === own.rank && places === own.places);
    const [nearest] = same.toSorted(
      (a, b) =>
        Number(b.value === own.value) - Number(a.value === own.value) ||
        Math.abs(a.depth - own.depth) - Math.abs(b.depth - own.depth),
    );
    return nearest === undefined
      ? []
      : [{ student: own.value, teacher: nearest.value, channels: nearest.width }];
  });
  const chosen = Math.min(count, fitting.length);
  // The last always, the others at even distances before it.
  return Array.from({ length: chosen }, (_, i) => Math.ceil(((i + 1) * fitting.length) / chosen) - 1).flatMap(
    (at) => fitting[at] ?? [],
  );
}

function knownValues(graph: Graph): Known[] {
  const types = inferShapes(graph);
  const all = tapCandidates(graph);
  return all.map((candidate, i) => {
    const shape = types.get(candidate.value)?.shape ?? [];
    const sizes = candidate.rank === 4 ? shape.slice(2) : shape.slice(1, -1);
    return { ...candidate, places: sizes.join(), depth: (i + 1) / all.length };
  });
}
