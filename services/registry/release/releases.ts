// What the verbs of releases do: a spec becomes a release or is refused with a sentence, orders become decisions, deployments that
// bring other versions become releases of their own. Any registry answers; the leading one conducts.
import { failure } from '../../../contracts/errors.js';
import type {
  DeployReply,
  DeployRequest,
  EndpointQuery,
  EndpointRecord,
} from '../../../contracts/registry.js';
import {
  type ApplyRequest,
  ENDED,
  type HistoryReply,
  type HistoryRequest,
  type PromoteOrder,
  type ReleaseEvent,
  type ReleaseList,
  type ReleaseOrder,
  type ReleaseRecord,
  ReleaseSpec,
  type ReleasesReply,
} from '../../../contracts/release.js';
import type { Clock } from '../../mesh/clock.js';
import { opened } from '../../mesh/release/advance.js';
import { movesAliases } from '../../mesh/release/alias-moves.js';
import { VERSION } from '../../mesh/version.js';
import type { Catalog } from '../catalog.js';
import { armOf } from '../../../contracts/registry.js';
import type { CarryOut } from './carry-out.js';
import { courseOf } from './course.js';
import { goesOn, type ReleaseStore } from './release-store.js';
import type { Reported } from './reported.js';
import { readSpec } from './read-spec.js';

export interface ReleasesParts {
  readonly store: ReleaseStore;
  readonly catalog: Catalog;
  readonly carryOut: CarryOut;
  readonly reported: Pick<Reported, 'check'>;
  readonly regions: readonly string[];
  readonly clock: Pick<Clock, 'now'>;
}

export class Releases {
  constructor(private readonly parts: ReleasesParts) {}

  async apply({ spec: written, by }: ApplyRequest): Promise<ReleaseRecord> {
    const spec = readSpec(written);
    await this.parts.reported.check(spec);
    return this.begin(spec, by);
  }

  async list({ endpoint, active }: ReleaseList): Promise<ReleasesReply> {
    const { store } = this.parts;
    await store.refresh();
    const found = store.states
      .all()
      .filter((record) => endpoint === undefined || record.endpoint === endpoint)
      .filter(({ state }) => !active || !ENDED.has(state))
      .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
      .slice(0, LISTED_MAX);
    return {
      releases: found.map(({ course, snapshot, last, ...listed }) => {
        void [course, snapshot, last];
        return listed;
      }),
    };
  }

  async show(id: string): Promise<ReleaseRecord> {
    await this.parts.store.refresh();
    return this.parts.store.states.get(id);
  }

  async history({ id, afterSeq }: HistoryRequest): Promise<HistoryReply> {
    const { store } = this.parts;
    await store.refresh();
    return { release: store.states.get(id), ...(await store.entries(id, afterSeq)) };
  }

  pause(order: ReleaseOrder): Promise<ReleaseRecord> {
    return this.order(order, { type: 'PAUSE' });
  }

  resume(order: ReleaseOrder): Promise<ReleaseRecord> {
    return this.order(order, { type: 'RESUME' });
  }

  promote({ arm, step, ...order }: PromoteOrder): Promise<ReleaseRecord> {
    return this.order(order, { type: 'PROMOTE', ...(arm !== undefined && { arm }) }, (record) => {
      if (step !== undefined && record.step !== step)
        throw failure(
          'BAD_REQUEST',
          `The release ${record.id} is at step ${record.step} by now, the order was for step ${step}.`,
          { step: record.step },
        );
    });
  }

  /** An order that comes again finds it done. */
  async abort(order: ReleaseOrder): Promise<ReleaseRecord> {
    const record = await this.show(order.id);
    if (record.state === 'aborting' || record.state === 'rolled_back') return record;
    return this.order(order, { type: 'ABORT' });
  }

  /** Weights and settings change at once; other versions come by a release: load first, then switch, then drain. */
  async deploy(request: DeployRequest): Promise<DeployReply> {
    const { store, catalog } = this.parts;
    const [now, next] = await Promise.all([
      catalog.endpoint(request.endpoint),
      catalog.decide(request),
      store.refresh(),
    ]);
    const active = store.states.activeAt(request.endpoint);
    if (active) return this.repeated(active, next, now);
    if (!now || now.model !== next.model || sameArms(now, next)) return catalog.deploy(request);
    const spec = ReleaseSpec.parse({
      endpoint: request.endpoint,
      strategy: {
        type: 'immediate',
        variants: next.variants.map(({ version, weight, arm }) => ({ version, weight, ...(arm && { arm }) })),
      },
      owner: 'deploy',
      reason: 'deployed',
    });
    // Everything else that was asked for holds from now on.
    await catalog.settings(request);
    const { id } = await this.begin(spec, 'deploy');
    const endpoint = (await catalog.endpoint(request.endpoint)) ?? now;
    return { endpoint, release: id };
  }

  async undeploy(query: EndpointQuery): Promise<DeployReply> {
    const { store, catalog } = this.parts;
    await store.refresh();
    const active = store.states.activeAt(query.endpoint);
    if (active) throw goesOn(active);
    return catalog.undeploy(query);
  }

  private async begin(spec: ReleaseSpec, by: string): Promise<ReleaseRecord> {
    const { store, catalog, carryOut, regions, clock } = this.parts;
    await store.refresh();
    // What is wrong with the spec at an endpoint in the middle of another release would mislead.
    const active = store.states.activeAt(spec.endpoint);
    if (active) throw goesOn(active);
    const inputs = await catalog.releaseInputs(spec.endpoint);
    const course = courseOf(spec, { ...inputs, regions });
    catalog.checkGate(inputs.endpoint, [...course.loading, ...course.promoted, ...course.resident]);
    const { aliases, endpoint } = inputs;
    const record = await store.open(spec.endpoint, (id) => {
      const moves = movesAliases(endpoint.model, course, aliases, store.states.active());
      return opened(
        { id, model: endpoint.model, spec, course: moves ? { ...course, aliases } : course, by },
        { atMs: clock.now(), epoch: 0, code: VERSION },
      );
    });
    await carryOut.carryOut(record);
    return record;
  }

  private async order(
    { id, by, why }: ReleaseOrder,
    event: ReleaseEvent,
    check: (record: ReleaseRecord) => void = () => undefined,
  ): Promise<ReleaseRecord> {
    const { store, carryOut, clock } = this.parts;
    const next = await store.advance(id, (record) => {
      check(record);
      return {
        decided: { event, by, why: why || `${event.type.toLowerCase()} asked for` },
        now: { atMs: clock.now(), epoch: record.plan.epoch, code: VERSION },
      };
    });
    // At once, whoever leads: a rollback does not wait for the conductor.
    await carryOut.carryOut(next);
    return next;
  }

  /** A deployment that was sent again, because its answer was lost, is the same one; one that is being taken back is not. */
  private repeated(
    active: ReleaseRecord,
    next: EndpointRecord,
    now: EndpointRecord | undefined,
  ): DeployReply {
    const { course } = active;
    const same =
      active.state !== 'aborting' &&
      course.strategy === 'immediate' &&
      course.promoted.filter(({ weight }) => weight > 0).length ===
        next.variants.filter(({ weight }) => weight > 0).length &&
      next.variants.every(({ version, weight }) =>
        course.promoted.some((arm) => arm.version === version && arm.weight === weight),
      );
    if (same && now) return { endpoint: now, release: active.id };
    throw goesOn(active);
  }
}

const LISTED_MAX = 200;

/** Only shares differ, and nothing has to be loaded or to leave. */
function sameArms(now: EndpointRecord, next: EndpointRecord): boolean {
  const versions = (record: EndpointRecord) =>
    record.variants
      .map((variant) => `${variant.version}`)
      .toSorted()
      .join();
  const named = next.variants.every(
    (variant) =>
      variant.arm === undefined ||
      now.variants.some((one) => armOf(one) === variant.arm && one.version === variant.version),
  );
  return versions(now) === versions(next) && named;
}
