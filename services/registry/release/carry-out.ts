// Makes true what a release decided: the endpoint's record follows the plan, aliases follow the promotion. Any registry may do it, as
// often as it likes: a plan is never put over a later one. Nothing is decided here.
import { keys } from '../../../contracts/buckets.js';
import type { AliasRecord } from '../../../contracts/registry.js';
import type { ReleaseRecord } from '../../../contracts/release.js';
import type { Clock } from '../../mesh/clock.js';
import { aliasesOf } from '../../mesh/release/alias-moves.js';
import type { BucketLog } from '../../mesh/bucket-log.js';
import type { CatalogState } from '../catalog-state.js';
import { follows, projected } from './project.js';

export interface CarryOutParts {
  readonly log: BucketLog;
  readonly state: CatalogState;
  readonly clock: Pick<Clock, 'now'>;
}

export class CarryOut {
  constructor(private readonly parts: CarryOutParts) {}

  async carryOut(record: ReleaseRecord): Promise<void> {
    const { log, state, clock } = this.parts;
    await log.transact(() => {
      const endpoint = state.endpoints.get(record.endpoint);
      // It was taken away meanwhile: there is nothing to follow the plan.
      if (!endpoint || follows(endpoint, record)) return { result: undefined };
      const value = projected(endpoint, record, {
        nowMs: clock.now(),
        isStateful: (version) => state.version(version)?.card.state !== undefined,
      });
      return { change: { key: keys.endpoint(endpoint.name), value }, result: undefined };
    });
    await this.moveAliases(record);
  }

  /** As far as this process knows. */
  isCarriedOut(record: ReleaseRecord): boolean {
    const endpoint = this.parts.state.endpoints.get(record.endpoint);
    return endpoint === undefined || (follows(endpoint, record) && this.misplaced(record).length === 0);
  }

  private async moveAliases(record: ReleaseRecord): Promise<void> {
    for (const [alias, version] of this.misplaced(record))
      await this.parts.log.transact(() => {
        const value: AliasRecord | undefined =
          version === undefined ? undefined : { model: record.model, alias, version };
        return { change: { key: keys.alias(record.model, alias), value }, result: undefined };
      });
  }

  private misplaced(record: ReleaseRecord): [alias: string, version: string | undefined][] {
    const wanted = aliasesOf(record);
    if (!wanted) return [];
    const now = this.parts.state.models.get(record.model)?.aliases;
    return (['stable', 'previous'] as const)
      .filter((alias) => now?.get(alias) !== wanted[alias])
      .map((alias) => [alias, wanted[alias]]);
  }
}
