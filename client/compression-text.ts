// How a compression job reads for people: where it is, and what came of it against its parent. Pure; the command `compress` prints it.
import type { CompressReport, ModelFigures } from '../contracts/compress-report.js';
import type { CompressRecord } from '../contracts/compressor.js';
import { table } from './cli/table.js';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const share = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(3));
/** A table of a thousand layers is no reading. */
const LAYERS_SHOWN = 30;

export function compressLine({ id, state, progress, error, attempts }: CompressRecord): string {
  const again = attempts > 1 ? `, attempt ${attempts}` : '';
  if (error !== undefined) return `${id} ${state}: ${error.message}`;
  if (progress === undefined) return `${id} ${state}${again}`;
  return `${id} ${state}${again}: ${progress.at}, ${progress.done} of ${progress.of} done`;
}

export function compressText(report: CompressReport): string {
  const { parent, candidate, figure, examples, layers, trials, edge, unfused } = report;
  const row = (name: string, one: ModelFigures) => [
    name,
    one.bytes,
    one.p50Ms.toFixed(3),
    one.p99Ms.toFixed(3),
    one.perSecond.toFixed(0),
    percent(one.quality),
  ];
  return [
    `${report.name}: ${share(candidate.bytes / parent.bytes)} of the bytes, ${share(candidate.p50Ms / parent.p50Ms)} of the median latency, ${((parent.quality - candidate.quality) * 100).toFixed(2)} points of ${figure} lost on ${examples} held examples`,
    table(
      ['version', 'bytes', 'p50 ms', 'p99 ms', 'a second', figure],
      [row(`parent ${parent.label}`, parent), row('smaller', candidate)],
    ),
    ...(edge === undefined
      ? []
      : [
          `on one thread: ${edge.latencyMs.toFixed(3)} ms, adds ${(edge.memoryBytes / 1e6).toFixed(1)} MB to a process`,
        ]),
    ...(trials.length === 0
      ? []
      : [
          table(
            ['recipe', 'size', 'latency', 'drop', 'pareto', 'verdict'],
            trials.map((t) => [
              t.name,
              share(t.size),
              share(t.latency),
              share(t.drop),
              t.pareto ? '*' : '',
              t.meets ? 'keeps the target' : (t.why ?? ''),
            ]),
          ),
        ]),
    ...(layers.length === 0
      ? []
      : [
          table(
            ['layer', 'form', 'error', 'why'],
            layers
              .slice(0, LAYERS_SHOWN)
              .map((l) => [
                l.weight,
                l.form,
                l.error === undefined ? '' : l.error.toPrecision(2),
                l.reason ?? '',
              ]),
          ),
        ]),
    ...(unfused.length === 0 ? [] : [`onnxruntime runs in float: ${unfused.join(', ')}`]),
    ...report.refused,
  ].join('\n');
}
