// Runs a model on samples and keeps a histogram of every value that is asked for: memory depends on how many values there are,
// never on how many samples. Static quantization asks.
import { failure } from '../../../contracts/errors.js';
import { extract } from '../extract.js';
import type { Graph } from '../graph.js';
import { clip } from '../refusal.js';
import { openSession, type Tensors } from '../session.js';
import { floatValues } from '../tensor.js';
import { Histogram } from './histogram.js';

/** Inputs of the model by name, one entry a run; any number of rows. */
export type Samples = Iterable<Tensors> | AsyncIterable<Tensors>;

export interface Calibration {
  readonly histograms: ReadonlyMap<string, Histogram>;
  readonly sampleCount: number;
}

/** Throws DATA_REFUSED naming the sample: none at all, inputs that do not fit, values that are no numbers. */
export async function calibrate(
  graph: Graph,
  values: readonly string[],
  samples: Samples,
): Promise<Calibration> {
  const inputs = graph.inputs.map(({ name }) => name);
  const fed = new Set(values.filter((name) => inputs.includes(name)));
  const made = values.filter((name) => !fed.has(name));
  const histograms = new Map(values.map((name) => [name, new Histogram()]));
  await using session = await openSession(extract(graph, inputs, made, { untyped: true }).write(), {
    external: graph.external,
  });
  const known = new Set(session.inputNames);
  let count = 0;
  for await (const sample of samples) {
    count++;
    const feeds = Object.fromEntries(Object.entries(sample).filter(([name]) => known.has(name)));
    const results = await session.run(feeds).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw failure('DATA_REFUSED', `Calibration sample ${count}: ${reason}`, { sample: count }, cause);
    });
    for (const [name, histogram] of histograms) {
      const tensor = fed.has(name) ? sample[name] : results[name];
      if (tensor !== undefined && !histogram.add(floatValues(tensor)))
        throw failure(
          'DATA_REFUSED',
          `Calibration sample ${count}: "${clip(name)}" holds a value that is NaN or infinite.`,
          { sample: count, tensor: name },
        );
    }
  }
  if (count === 0)
    throw failure('DATA_REFUSED', 'There is no calibration sample: static quantization needs some.');
  return { histograms, sampleCount: count };
}
