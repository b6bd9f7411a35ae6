// The weights of a model that keeps them outside its graph, streamed from the object store into one file a stage: no memory ever holds more
// of them than a chunk. `massif split` asks; TMPDIR says where the files lie until they are published.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VersionRecord } from '../../contracts/registry.js';
import { failure } from '../../contracts/errors.js';
import type { Graph } from '../../services/onnx/graph.js';
import { type Range, scatter } from '../../services/onnx/split/scatter.js';
import { layOutWeights, smallRanges, type WeightMove } from '../../services/onnx/split/stage-weights.js';
import type { Catalog } from '../catalog.js';

export interface StageFiles extends AsyncDisposable {
  /** One for each stage; undefined where it has no weights outside its graph. */
  readonly paths: readonly (string | undefined)[];
}

/** Before anything is planned: the shapes that lie outside are read in. */
export async function readSmallWeights(catalog: Catalog, parent: VersionRecord, graph: Graph): Promise<void> {
  const { ranges, bringIn } = smallRanges(graph);
  for (const [location, list] of ranges) await scatter(location, streamOf(catalog, parent, location), list);
  bringIn();
}

/** Changes the stages' graphs: they read their own files afterwards. */
export async function stageFiles(
  catalog: Catalog,
  parent: VersionRecord,
  stages: readonly Graph[],
): Promise<StageFiles> {
  const moves = stages.map(layOutWeights);
  const folder = await mkdtemp(join(tmpdir(), 'massif-split-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const paths = moves.map((own, i) => (own.length === 0 ? undefined : join(folder, `${i + 1}.bin`)));
    await fill(catalog, parent, moves, paths);
    return { paths, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function fill(
  catalog: Catalog,
  parent: VersionRecord,
  moves: readonly (readonly WeightMove[])[],
  paths: readonly (string | undefined)[],
): Promise<void> {
  const files = await Promise.all(
    paths.map(async (path) => (path === undefined ? undefined : open(path, 'wx'))),
  );
  try {
    const ranges = new Map<string, Range[]>();
    moves.forEach((own, i) => {
      for (const { location, from, bytes, to } of own) {
        const put = async (part: Uint8Array, at: number): Promise<void> => {
          await files[i]?.write(part, 0, part.length, to + at);
        };
        ranges.set(location, [...(ranges.get(location) ?? []), { from, bytes, put }]);
      }
    });
    for (const [location, list] of ranges) await scatter(location, streamOf(catalog, parent, location), list);
  } finally {
    await Promise.all(files.map(async (file) => file?.close()));
  }
}

function streamOf(catalog: Catalog, parent: VersionRecord, location: string): AsyncIterable<Uint8Array> {
  const resource = parent.resources.find(({ name }) => name === location);
  if (resource !== undefined) return catalog.stream(resource);
  throw failure(
    'MODEL_REFUSED',
    `${parent.model} takes weights from "${location}", which is not part of it.`,
  );
}
