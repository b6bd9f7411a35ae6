// Measures and logs one verb of the registry: how long, with which outcome, for which request. The controller wraps every call in
// it, so that the verbs themselves say nothing of metrics.
import { toFailure } from '../../contracts/errors.js';
import type { RegistryVerb, ReleaseVerb } from '../../contracts/subjects.js';
import type { BusContext } from '../mesh/bus-context.js';
import type { Log, LogFields } from '../mesh/log.js';
import type { TellAudit } from '../mesh/tell-audit.js';
import type { Metrics } from '../mesh/telemetry.js';

/** Reads are asked all the time by consoles and scripts; a line each would bury the changes. */
type Verb = RegistryVerb | `release.${ReleaseVerb}`;
const CHANGES: ReadonlySet<Verb> = new Set<Verb>([
  'push',
  'alias',
  'deploy',
  'undeploy',
  'pin',
  'archive',
  'approve',
  'pipeline',
  'withdraw',
  'release.apply',
  'release.pause',
  'release.resume',
  'release.promote',
  'release.abort',
]);

export class Answered {
  private readonly seconds: ReturnType<Metrics['histogram']>;

  constructor(
    metrics: Metrics,
    private readonly log: Log,
    private readonly tell: TellAudit = () => undefined,
  ) {
    this.seconds = metrics.histogram('massif_registry_request_seconds', {
      help: 'Time to answer a request to the registry, by verb and outcome.',
      labels: ['verb', 'outcome'],
    });
  }

  async run<T>(
    verb: Verb,
    context: Pick<BusContext, 'elapsedMs' | 'requestId'>,
    fields: LogFields,
    work: () => Promise<T>,
  ): Promise<T> {
    const request = { verb, requestId: context.requestId, ...fields };
    try {
      const result = await work();
      this.seconds.observe({ verb, outcome: 'ok' }, context.elapsedMs() / 1_000);
      if (CHANGES.has(verb)) {
        this.log.info(`registry.${verb}`, { ...request, ms: context.elapsedMs() });
        this.told(verb, context, fields, 'done', '');
      }
      return result;
    } catch (error) {
      const { code, message } = toFailure(error);
      this.seconds.observe({ verb, outcome: code }, context.elapsedMs() / 1_000);
      this.log.warn(`registry.${verb}.refused`, { ...request, code, message, ms: context.elapsedMs() });
      if (CHANGES.has(verb)) this.told(verb, context, fields, 'refused', `${code}: ${message}`);
      throw error;
    }
  }

  private told(
    verb: Verb,
    { requestId }: Pick<BusContext, 'requestId'>,
    fields: LogFields,
    outcome: 'done' | 'refused',
    why: string,
  ): void {
    const { by, ...rest } = fields;
    const about = Object.fromEntries(
      Object.entries(rest).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    const who = typeof by === 'string' ? by : 'unnamed';
    this.tell({ who, action: `registry.${verb}`, about: { ...about, requestId }, outcome, why });
  }
}
