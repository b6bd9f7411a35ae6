// Models of the catalog that no endpoint serves: the repository index names them, since they are what a load can bring. The registry knows
// them; while it is away the index says what is served, as everything at a door does.
import { ModelsReply } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { Log } from '../mesh/log.js';
import type { IndexEntry } from './metadata.js';

const REGISTRY_TIMEOUT_MS = 2_000;
const DEFAULT_ALIAS = 'stable';

type Summary = ModelsReply['models'][number];

export class UnservedModels {
  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** `taken`: names that stand for something else already, so that a load would not bring the model. */
  async index(taken: ReadonlySet<string>): Promise<IndexEntry[]> {
    try {
      const options = { timeoutMs: REGISTRY_TIMEOUT_MS };
      const models: Summary[] = [];
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await this.bus.request(subjects.registry('models'), ModelsReply, { after }, options);
        models.push(...page.models);
        after = page.next;
      }
      return models.filter(({ model }) => !taken.has(model)).map(unservedEntry);
    } catch (error) {
      this.log.warn('index.served_only', { error });
      return [];
    }
  }
}

/** The version that a load would serve: the one called stable, else the newest. */
export function unservedEntry({ model, aliases, versions }: Summary): IndexEntry {
  const stable = versions.find(({ digest }) => digest === aliases[DEFAULT_ALIAS]);
  const { label = '' } = stable ?? versions[0] ?? {};
  return { name: model, version: label, state: 'UNAVAILABLE', reason: 'no endpoint serves it: load it' };
}
