// `massif watch MODEL [VERSION] --reference FILE`: the auditor learns what is normal for a version, and follows it from then on.
import { WatchReply, type WatchRequest } from '../../contracts/baseline-job.js';
import { subjects } from '../../contracts/subjects.js';
import { argument, type Command, type Invocation, text, UsageError } from '../cli/command.js';
import { TrainerClient } from '../trainer.js';

/** It runs the model on the whole reference. */
const TIMEOUT_MS = 600_000;
/** Requests that resemble their neighbours more than this: the bound on false alarms does not hold as it stands. */
const ALIKE = 0.1;

export const watch: Command = {
  name: 'watch',
  usage: 'watch MODEL [VERSION] --reference FILE [--output NAME]',
  argumentsMax: 2,
  summary: 'the auditor learns what is normal for a version from clean requests, and tells when it changes',
  help: `  --reference FILE  clean requests that the version never learned from, one body of the Open Inference Protocol a line: 500 or
                    more (750 for a tap on a hidden feature), 5,000 for a bound on false alarms that holds as printed
  --output NAME     the output with the class scores (the first of FP32)`,
  options: { reference: { type: 'string' }, output: { type: 'string' } },
  async run({ args, values, connections, out }: Invocation) {
    const model = argument(args, 0, 'MODEL');
    const path = text(values, 'reference');
    if (path === undefined) throw new UsageError('--reference names a file of clean requests');
    const [version, output] = [args[1], text(values, 'output')];
    const all = await connections();
    const request: WatchRequest = {
      model,
      ...(version !== undefined && { version }),
      reference: await new TrainerClient(all).upload(path),
      ...(output !== undefined && { output }),
    };
    const reply = await all.request(subjects.auditor('watch'), WatchReply, request, TIMEOUT_MS);
    out.show(reply, () => inWords(reply));
  },
};

function inWords({
  model,
  label,
  output,
  kind,
  classes,
  samples,
  chosen,
  streams,
  tap,
  untapped,
}: WatchReply): string {
  const alike = streams
    .filter(({ autocorrelation }) => Math.abs(autocorrelation) > ALIKE)
    .map(({ name }) => name);
  return [
    `${model} ${label} is watched: ${samples} reference requests, ${classes} ${kind} of "${output}", ${streams.length} scores, of which ${chosen} tells most.`,
    tap
      ? `Tapped: ${tap.width} numbers of "${tap.value}"; a run that fetches them takes ${tap.cost.toFixed(2)} times as long. Engines load it again with the tap.`
      : `No hidden feature is watched: ${untapped}`,
    ...(alike.length === 0
      ? []
      : [
          `Neighbours of the reference resemble each other in ${alike.join(', ')}: false alarms come sooner than the bound says.`,
        ]),
  ].join('\n');
}
