// From pictures to examples, in two passes: the first counts classes, the second writes pixels as bytes and learns their mean and
// deviation on training pictures, which become the graph's first two constants.
import { byNumberThenText } from './column-plan.js';
import { RunningStatistics } from './column-statistics.js';
import { dataRefusal } from './data-refusal.js';
import { fingerprint } from './fingerprints.js';
import type { ImageSource } from './image-source.js';
import { PartWriters, type Prepared } from './prepared.js';
import { Duplicates, PartChoice } from './row-parts.js';
import type { SplitRule } from './split.js';

export interface ImageRequest {
  readonly split: SplitRule;
  readonly duplicates: 'drop' | 'keep';
}

/** Every so many-th pixel is enough for a mean. */
const PIXEL_STEP = 13;

export async function prepareImages(
  source: ImageSource,
  request: ImageRequest,
  folder: string,
): Promise<Prepared> {
  const shape = await source.shape();
  const counts = new Map<string, number>();
  const counting = new Duplicates(request.duplicates);
  for await (const batch of source.read())
    for (const { pixels, label } of batch)
      if (!counting.isOne(fingerprint(pixels, fingerprint(label))))
        counts.set(label, (counts.get(label) ?? 0) + 1);
  const classes = [...counts.keys()].toSorted(byNumberThenText);
  if (classes.length < 2) throw dataRefusal(source.name, `there is one class only ("${classes[0] ?? ''}").`);
  const few = [...counts].find(([, count]) => count < 2);
  if (few !== undefined)
    throw dataRefusal(source.name, `the class "${few[0]}" has one picture only; two are the least.`);

  const duplicates = new Duplicates(request.duplicates);
  const choice = new PartChoice(
    request.split,
    classes.map((name) => counts.get(name) ?? 0),
  );
  const labels = new Map(classes.map((name, label) => [name, label]));
  const statistics = new RunningStatistics(request.split.seed);
  const writers = new PartWriters(folder, { element: 'uint8', shape, targetSize: 1 });
  let rows = 0;
  for await (const batch of source.read()) {
    for (const { pixels, label: name } of batch) {
      rows++;
      if (duplicates.isOne(fingerprint(pixels, fingerprint(name)))) continue;
      const label = labels.get(name) ?? 0;
      const part = choice.partOf(label, fingerprint(pixels), undefined);
      if (part === 'train')
        for (let i = rows % PIXEL_STEP; i < pixels.length; i += PIXEL_STEP) statistics.add(pixels[i] ?? 0);
      writers.add(part, pixels, Int32Array.of(label));
    }
  }
  const { mean, deviation } = statistics.summary();
  const { dropped: duplicatesDropped, unchecked } = duplicates;
  return writers.finish({
    classes,
    features: { kind: 'image', mean, deviation },
    cleaning: { rows, duplicatesDropped, contradictions: choice.contradictions, unchecked },
    notes: [],
  });
}
