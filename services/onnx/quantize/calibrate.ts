// Runs a model on samples and keeps a histogram of every value that is asked for, and of some what each channel reaches: memory depends
// on how many values there are, never on how many samples. Static quantization asks.
import { failure } from '../../../contracts/errors.js';
import { extract } from '../extract.js';
import type { Graph } from '../graph.js';
import { clip } from '../refusal.js';
import { openSession, type Tensors } from '../session.js';
import { floatValues, type Tensor } from '../tensor.js';
import { ChannelRange } from './channel-range.js';
import { Histogram } from './histogram.js';

/** Inputs of the model by name, one entry a run; any number of rows. */
export type Samples = Iterable<Tensors> | AsyncIterable<Tensors>;

export interface Calibration {
  readonly histograms: ReadonlyMap<string, Histogram>;
  /** Of the values with a channel axis. */
  readonly channels: ReadonlyMap<string, ChannelRange>;
  readonly sampleCount: number;
}

/** `channelAxes`: of values whose channels are looked at, counted from the end where below 0. Throws DATA_REFUSED naming the sample: none at all, inputs that do not fit, values that are no numbers. */
export async function calibrate(
  graph: Graph,
  values: readonly string[],
  samples: Samples,
  channelAxes: ReadonlyMap<string, number> = new Map(),
): Promise<Calibration> {
  const histograms = new Map(values.map((name) => [name, new Histogram()]));
  const channels = new Map<string, ChannelRange>();
  const sampleCount = await eachSample(graph, values, samples, (name, tensor, sample) => {
    const values = floatValues(tensor);
    if (histograms.get(name)?.add(values) === false)
      throw failure(
        'DATA_REFUSED',
        `Calibration sample ${sample}: "${clip(name)}" holds a value that is NaN or infinite.`,
        { sample, tensor: name },
      );
    const axis = channelAxes.get(name);
    if (axis === undefined) return;
    const at = axis < 0 ? axis + tensor.dims.length : axis;
    const range = channels.get(name) ?? ChannelRange.of(tensor.dims[at] ?? 1);
    channels.set(name, range);
    range.add(values, tensor.dims, at);
  });
  return { histograms, channels, sampleCount };
}

/** Shows the values of every sample, one after the other; returns how many samples there were. */
export async function eachSample(
  graph: Graph,
  values: readonly string[],
  samples: Samples,
  see: (name: string, value: Tensor, sample: number) => void,
): Promise<number> {
  const inputs = graph.inputs.map(({ name }) => name);
  const made = values.filter((name) => !inputs.includes(name));
  // A graph without outputs is none: then only the inputs are looked at.
  await using session =
    made.length === 0
      ? undefined
      : await openSession(extract(graph, inputs, made, { untyped: true }).write(), {
          external: graph.external,
        });
  const known = new Set(session?.inputNames);
  let count = 0;
  for await (const sample of samples) {
    count++;
    const feeds = Object.fromEntries(Object.entries(sample).filter(([name]) => known.has(name)));
    const results = await session?.run(feeds).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw failure('DATA_REFUSED', `Calibration sample ${count}: ${reason}`, { sample: count }, cause);
    });
    for (const name of values) {
      const tensor = results?.[name] ?? sample[name];
      if (tensor !== undefined) see(name, tensor, count);
    }
  }
  if (count === 0) throw failure('DATA_REFUSED', 'There is no sample: this needs some.');
  return count;
}
