// Distillation as a step of a recipe: makes the student, opens the teacher (the version itself, or whoever answers behind an endpoint),
// chooses hints, and lets the student learn. Recipes ask.
import type { CompressionStep, Student } from '../../../contracts/compression-recipe.js';
import type { Network } from '../../../contracts/train-job.js';
import { failure } from '../../../contracts/errors.js';
import { copyModel } from '../extract.js';
import { Graph } from '../graph.js';
import { taylor } from '../prune/saliency.js';
import { thin } from '../prune/thin.js';
import { refusal } from '../refusal.js';
import type { Samples } from '../quantize/calibrate.js';
import { openSession, type Tensors } from '../session.js';
import { floatValues } from '../tensor.js';
import type { Batches } from '../training/tune.js';
import { valueInfo } from '../value-info.js';
import { distilled, type Teacher } from './distil.js';
import { hintPairs } from './hint-pairs.js';
import type { Hint } from './hints.js';
import { sampledBatches } from './sampled-batches.js';

export type DistilStep = Extract<CompressionStep, { kind: 'distil' }>;

export interface Lesson {
  /** The version as it was before the first step. */
  readonly parent: Uint8Array;
  readonly batches?: Batches;
  readonly samples?: () => Samples;
  readonly threads: number;
  /** Answers in the place of the parent. */
  readonly endpoint?: Teacher;
  /** A network as people describe it for training, on the data of the job. */
  readonly network?: (network: Network) => Uint8Array;
}

export interface Taught {
  readonly model: Uint8Array;
  readonly report: {
    readonly student: string;
    readonly parameters: number;
    readonly teacher: string;
    readonly hints: readonly string[];
  };
}

const FEW_BATCHES = 20; // to choose the channels that stay

/** Throws DATA_REFUSED where it has nothing to learn from, MODEL_REFUSED where student and teacher do not fit. */
export async function taught(model: Uint8Array, step: DistilStep, lesson: Lesson): Promise<Taught> {
  const { share, temperature, jitter, steps, rate } = step;
  const { threads } = lesson;
  const unlabelled = lesson.batches === undefined;
  const batches = lesson.batches ?? (await sampledBatches(Graph.read(model), lesson.samples));
  const student = await studentOf(model, step.student, lesson);
  await using teacher = await openTeacher(step, lesson, Graph.read(student));
  const hints = await weighed(teacher, batches, Graph.read(student));
  const learned = await distilled(student, {
    teacher: teacher.answer,
    ...(teacher.output === undefined ? {} : { output: teacher.output }),
    ...(step.teacher?.classes === undefined ? {} : { classes: step.teacher.classes }),
    classCount: classesOf(Graph.read(student)),
    batches,
    steps,
    rate,
    temperature,
    share: unlabelled ? 1 : share,
    jitter,
    hints,
    threads,
  });
  const graph = Graph.read(learned);
  const parameters = graph.proto.initializer.reduce(
    (sum, { dims }) => sum + dims.reduce((product, dim) => product * Number(dim), 1),
    0,
  );
  const names = hints.map((hint) => `${hint.student} from ${hint.teacher}`);
  return {
    model: learned,
    report: { student: step.student.from, parameters, teacher: teacher.name, hints: names },
  };
}

async function studentOf(model: Uint8Array, student: Student, lesson: Lesson): Promise<Uint8Array> {
  if (student.from === 'itself') return model;
  if (lesson.batches === undefined)
    throw failure(
      'DATA_REFUSED',
      'A student of another shape learns from labelled data, and there are none.',
    );
  if (student.from === 'parent') {
    const few = { ...lesson.batches, count: Math.min(FEW_BATCHES, lesson.batches.count) };
    return thin(model, { saliency: await taylor(model, few), keep: student.keep }).model;
  }
  if (lesson.network === undefined)
    throw refusal(
      'A network can be described for a version that massif train made; what goes into this one is not known.',
    );
  return lesson.network(student.network);
}

interface OpenTeacher extends AsyncDisposable {
  readonly name: string;
  readonly answer: Teacher;
  readonly output?: string | undefined;
  readonly pairs: ReturnType<typeof hintPairs>;
}

async function openTeacher(step: DistilStep, lesson: Lesson, student: Graph): Promise<OpenTeacher> {
  if (step.teacher !== undefined) {
    const { endpoint, output } = step.teacher;
    if (lesson.endpoint === undefined)
      throw failure('UNAVAILABLE', `Nobody here can ask the endpoint "${endpoint}".`);
    if (step.hints > 0)
      throw refusal(`The teacher behind the endpoint "${endpoint}" shows no inner values: ask for 0 hints.`);
    return {
      name: `endpoint ${endpoint}`,
      answer: lesson.endpoint,
      output,
      pairs: [],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const graph = Graph.read(lesson.parent);
  const output = graph.outputs[0]?.name;
  const pairs = hintPairs(student, graph, step.hints);
  if (pairs.length < step.hints)
    throw refusal(
      `${step.hints} hints were asked for, and ${pairs.length} inner values of student and teacher have the same places.`,
    );
  const showing = copyModel(graph);
  for (const name of new Set(pairs.map(({ teacher }) => teacher)))
    showing.proto.output.push(valueInfo(name, 1));
  const session = await openSession(showing.write(), { threads: lesson.threads });
  return {
    name: 'the version itself',
    answer: (inputs) => session.run(inputs),
    output,
    pairs,
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/** Each hint weighs as much as its values are large, so that none drowns the others: the squares are shares of the teacher's. */
async function weighed({ pairs, answer }: OpenTeacher, batches: Batches, student: Graph): Promise<Hint[]> {
  if (pairs.length === 0) return [];
  const names = student.inputs.map(({ name }) => name);
  const given = await batches.batch(0);
  const inputs: Tensors = Object.fromEntries(
    names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  const said = await answer(inputs);
  return pairs.map((pair) => {
    const values =
      said[pair.teacher] === undefined ? new Float32Array(1) : floatValues(said[pair.teacher] ?? NONE);
    const mean = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    return { ...pair, weight: 1 / (Math.max(mean, LEAST_SQUARE) * pairs.length) };
  });
}

const LEAST_SQUARE = 1e-6;
const NONE = { dataType: 1, dims: [1], data: new Float32Array(1) } as const;

const classesOf = (graph: Graph): number => {
  const last =
    graph.outputs[0] === undefined ? undefined : graph.declaredType(graph.outputs[0].name)?.shape?.at(-1);
  return typeof last === 'number' ? last : 0;
};
