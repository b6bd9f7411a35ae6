// What people ask of a version's life: to archive it, and how it went so far. The keeper does the moves that nobody asks for.
import { keys } from '../../../contracts/buckets.js';
import { failure } from '../../../contracts/errors.js';
import type { LifeReply, LifeRequest } from '../../../contracts/lifecycle.js';
import type {
  ArchiveRequest,
  EndpointRecord,
  ShowReply,
  VersionRecord,
} from '../../../contracts/registry.js';
import type { Clock } from '../../mesh/clock.js';
import type { BucketLog } from '../../mesh/bucket-log.js';
import type { CatalogState } from '../catalog-state.js';
import type { ReleaseStore } from '../release/release-store.js';
import { newestFirst, resolveVersion } from '../resolve.js';
import { versionsOf } from './collect.js';
import { recorded, submittedMove } from './moves.js';
import { dueMove } from './settle.js';
import type { Told } from './told.js';

export interface LifecyclesParts {
  readonly log: BucketLog;
  readonly state: CatalogState;
  readonly releases: Pick<ReleaseStore, 'refresh' | 'states'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly told: Told;
}

export class Lifecycles {
  constructor(private readonly parts: LifecyclesParts) {}

  /** An archived version keeps its label and its lineage, and its files for a while; it is only never chosen and never deployed again. */
  async archive({ model, version, by, why }: ArchiveRequest): Promise<ShowReply> {
    const { log, state, releases, clock, told } = this.parts;
    await releases.refresh();
    let moves = 0;
    const { version: archived } = await log.transact(() => {
      moves = 0;
      if (version === undefined)
        throw failure('BAD_REQUEST', 'Say which version is to be archived: the default one is in use.');
      const record = resolveVersion(state.model(model), version);
      if (record.state === 'archived') return { result: { version: record } };
      this.refuseUsed(record);
      const atMs = clock.now();
      // Nothing uses it, but the keeper may not have said so yet.
      const due = dueMove(record.state, undefined);
      const settled = due ? recorded(record, due.type, { by: 'registry', why: due.why, atMs }) : record;
      moves = due ? 2 : 1;
      const archived = recorded(settled, 'ARCHIVE', { by, why: why || 'archived', atMs });
      return {
        change: { key: keys.version(model, record.digest), value: archived },
        result: { version: archived },
      };
    });
    if (moves > 0) told(archived, archived.moves.slice(-moves));
    return { version: archived };
  }

  async history({ model, version }: LifeRequest): Promise<LifeReply> {
    const { log, state } = this.parts;
    await log.refresh();
    const submissions = state.submissionsOf(model);
    if (version !== undefined || submissions.length === 0) {
      const entry = state.model(model);
      const asked = version === undefined ? [...entry.versions.values()] : [resolveVersion(entry, version)];
      return { model, versions: newestFirst(asked).map(lifeOf) };
    }
    const known = state.models.get(model)?.versions;
    const coming = submissions
      .filter(({ digest }) => !known?.has(digest))
      .map((one): LifeReply['versions'][number] => {
        const { digest, label } = one;
        return { digest, label, state: 'submitted', moves: [submittedMove(one)] };
      });
    return { model, versions: [...coming, ...newestFirst(known?.values() ?? []).map(lifeOf)] };
  }

  private refuseUsed({ digest, label }: VersionRecord): void {
    const { state, releases } = this.parts;
    const user = usingEndpoint(state.endpoints.values(), digest);
    if (user !== undefined)
      throw failure(
        'BAD_REQUEST',
        `The endpoint "${user}" uses the version "${label}": deploy another one there first.`,
        { endpoint: user },
      );
    const release = releases.states.active().find((one) => versionsOf(one).has(digest));
    if (release)
      throw failure(
        'BAD_REQUEST',
        `The release ${release.id} may come to serve the version "${label}": wait for its end, or abort it first.`,
        { release: release.id },
      );
  }
}

const lifeOf = ({
  digest,
  label,
  state,
  moves,
  collectedAt,
}: VersionRecord): LifeReply['versions'][number] => ({
  digest,
  label,
  state,
  moves,
  ...(collectedAt !== undefined && { collectedAt }),
});

function usingEndpoint(endpoints: Iterable<EndpointRecord>, digest: string): string | undefined {
  for (const { name, variants } of endpoints)
    if (variants.some(({ version }) => version === digest)) return name;
  return undefined;
}
