// Fine-tuning: the model of an earlier version as the first model of this run. Its features come with it, written in the model
// itself, and have to fit the new data; which of its weights stay as they are is told by the beginnings of their names.
import { create } from '@bufbuild/protobuf';
import { dataRefusal } from './data-refusal.js';
import { Features, NumberTarget, type Prepared } from './prepared.js';
import { failure } from '../../../contracts/errors.js';
import { Graph } from '../graph.js';
import { findParameters } from '../training/parameters.js';
import { StringStringEntryProtoSchema } from '../proto/onnx_pb.js';

const KEY = { features: 'massif.features', classes: 'massif.classes', target: 'massif.target' } as const;

export interface ParentModel {
  readonly graph: Graph;
  readonly features: Features;
  readonly classes: readonly string[];
  /** What its output is made of, where that is a number: it is gone on with, whatever the new data's mean is. */
  readonly target?: NumberTarget;
}

/** Written into every trained model, so that it can be gone on from. */
export function describeData(
  graph: Graph,
  { features, classes, target }: Pick<Prepared, 'features' | 'classes' | 'target'>,
): void {
  const entries = {
    [KEY.features]: JSON.stringify(features),
    [KEY.classes]: JSON.stringify(classes),
    ...(target === undefined ? {} : { [KEY.target]: JSON.stringify(target) }),
  };
  graph.model.metadataProps = [
    ...graph.model.metadataProps.filter(({ key }) => !(key in entries)),
    ...Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
  ];
}

/** Throws MODEL_REFUSED for a model that no trainer made. */
export function readParent(bytes: Uint8Array): ParentModel {
  const graph = Graph.read(bytes);
  const text = (key: string): unknown => {
    const found = graph.model.metadataProps.find((entry) => entry.key === key);
    return found === undefined ? undefined : JSON.parse(found.value);
  };
  const features = Features.safeParse(text(KEY.features));
  const classes = text(KEY.classes);
  const target = NumberTarget.safeParse(text(KEY.target));
  if (!features.success || !Array.isArray(classes))
    throw failure(
      'MODEL_REFUSED',
      'The version to go on from was not made by a trainer, so what its input means is not known.',
    );
  return {
    graph,
    features: features.data,
    classes: classes.map(String),
    ...(target.success ? { target: target.data } : {}),
  };
}

/** Throws DATA_REFUSED where the new data mean something else than the old did. */
export function checkFits({ features, classes, target, graph }: ParentModel, prepared: Prepared): void {
  const at = 'the version to go on from';
  if (target?.name !== prepared.target?.name)
    throw dataRefusal(
      at,
      `it tells ${learnedBy(target)}, the data have ${learnedBy(prepared.target)} to be learned.`,
    );
  if (JSON.stringify(classes) !== JSON.stringify(prepared.classes))
    throw dataRefusal(
      at,
      `it knows the classes ${classes.join(', ')}, the data have ${prepared.classes.join(', ')}.`,
    );
  const meaning = (one: Features): unknown =>
    one.kind === 'table'
      ? one.columns.map((column) => [column.name, column.kind === 'category' ? column.values : ''])
      : one.kind === 'tokens'
        ? [one.method, one.vocabulary, one.tokens]
        : prepared.shape;
  if (
    features.kind !== prepared.features.kind ||
    JSON.stringify(meaning(features)) !== JSON.stringify(meaning(prepared.features))
  )
    throw dataRefusal(at, 'its input has other columns, categories or tokens than the data.');
  const width = graph.declaredType('x')?.shape;
  if (JSON.stringify(width?.slice(1)) !== JSON.stringify(prepared.shape))
    throw dataRefusal(
      at,
      `its input is [${width?.join(', ')}], an example of the data is [${prepared.shape.join(', ')}].`,
    );
}

const learnedBy = (target: NumberTarget | undefined): string =>
  target === undefined ? 'classes' : `the number "${target.name}"`;

/** Throws BAD_REQUEST for a beginning that no weight has. */
export function frozenIn(graph: Graph, beginnings: readonly string[]): string[] {
  const names = findParameters(graph);
  for (const beginning of beginnings)
    if (!names.some((name) => name.startsWith(beginning)))
      throw failure('BAD_REQUEST', `No weight begins with "${beginning}"; there are ${names.join(', ')}.`);
  return names.filter((name) => beginnings.some((beginning) => name.startsWith(beginning)));
}
