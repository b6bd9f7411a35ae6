// The pipelines of the catalog: applied, listed, taken away. A pipeline and an endpoint share one set of names.
import { keys } from '../../contracts/buckets.js';
import { failure } from '../../contracts/errors.js';
import type {
  PipelineQuery,
  PipelineRecord,
  PipelineReply,
  PipelineSpec,
  PipelinesReply,
} from '../../contracts/pipeline.js';
import type { CatalogParts } from './catalog.js';
import { checkPipeline } from './pipeline-check.js';
import { signatures } from './pipeline-users.js';

export class Pipelines {
  constructor(private readonly parts: Omit<CatalogParts, 'random'>) {}

  /** The same pipeline again changes nothing. */
  apply(spec: PipelineSpec): Promise<PipelineReply> {
    const { log, state, clock } = this.parts;
    return log.transact(() => {
      const { name, description, timeoutMs } = spec;
      if (state.endpoints.has(name))
        throw failure('PIPELINE_REFUSED', `"${name}" is an endpoint already: choose another name.`);
      const current = state.pipelines.get(name);
      const checked = {
        ...checkPipeline(spec, (endpoint) => signatures(endpoint, state)),
        description,
        timeoutMs,
      };
      if (current && sameText(checked, current)) return { result: { pipeline: current } };
      const pipeline: PipelineRecord = {
        ...checked,
        revision: (current?.revision ?? 0) + 1,
        updatedAt: new Date(clock.now()).toISOString(),
      };
      return { change: { key: keys.pipeline(name), value: pipeline }, result: { pipeline } };
    });
  }

  async list(): Promise<PipelinesReply> {
    await this.parts.log.refresh();
    return { pipelines: [...this.parts.state.pipelines.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }

  withdraw({ pipeline: name }: PipelineQuery): Promise<PipelineReply> {
    return this.parts.log.transact(() => {
      const pipeline = this.parts.state.pipelines.get(name);
      if (!pipeline) throw failure('ENDPOINT_UNKNOWN', `There is no pipeline "${name}".`);
      return { change: { key: keys.pipeline(name), value: undefined }, result: { pipeline } };
    });
  }
}

/** Both came out of the same check, so their fields stand in the same order once revision and time are left out. */
function sameText(checked: Omit<PipelineRecord, 'revision' | 'updatedAt'>, current: PipelineRecord): boolean {
  const { revision, updatedAt, ...known } = current;
  void [revision, updatedAt];
  return canonical(checked) === canonical(known);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
