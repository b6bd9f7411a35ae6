// Load and unload of the repository extension, as Triton's clients send them: load serves a model's default version under the
// endpoint of its name and returns when it is ready, unload takes the endpoint away. The registry does the work.
import { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { DeployReply, type DeployRequest } from '../../contracts/registry.js';
import { ENDED, type ReleaseRecord, ReleaseReply, ReleasesReply } from '../../contracts/release.js';
import { subjects } from '../../contracts/subjects.js';
import type { Bus } from '../mesh/bus.js';
import type { Clock } from '../mesh/clock.js';
import type { RouteView } from '../mesh/routing/route-view.js';
import type { Directory } from './directory.js';
import { checkName } from './infer-calls.js';

export type ControlParameters = Readonly<Record<string, unknown>>;

const REGISTRY_TIMEOUT_MS = 10_000;
const LOADING_MS_MAX = 60_000;
const LOOK_MS = 50;

export class ModelControl {
  constructor(
    private readonly bus: Bus,
    private readonly view: RouteView,
    private readonly directory: Directory,
    private readonly clock: Clock,
    /** False: an operator has closed this (MASSIF_MODEL_CONTROL). */
    private readonly open: boolean,
  ) {}

  async load(model: string, parameters: ControlParameters, gone?: AbortSignal): Promise<void> {
    this.check(model);
    for (const name of Object.keys(parameters))
      if (name === 'config' || name.startsWith('file:'))
        throw failure(
          'UNSUPPORTED',
          `The parameter ${name.slice(0, 80)} would serve what nobody signed: publish it with massif push, then load it.`,
        );
    // What a load before this one replaced is still finishing its requests.
    await this.until(async () => !(await this.drains(model)), gone);
    const { endpoint, release } = await this.bus.request(
      subjects.registry('deploy'),
      DeployReply,
      this.order(model),
      { timeoutMs: REGISTRY_TIMEOUT_MS },
    );
    if (release !== undefined) return this.released(model, release, gone);
    const served = () =>
      // Our own table may still have the version from before.
      (this.view.endpoint(model)?.updatedAt ?? '') >= endpoint.updatedAt &&
      this.directory.ready(model, undefined);
    if (!(await this.until(served, gone)))
      throw failure(
        'NOT_READY',
        `${model} is deployed, but no replica was ready within ${LOADING_MS_MAX / 1e3} s.`,
      );
  }

  /** There are no dependents here: an endpoint stands for itself, so `unload_dependents` changes nothing. */
  async unload(
    model: string,
    { unload_dependents: dependents }: ControlParameters,
    gone?: AbortSignal,
  ): Promise<void> {
    this.check(model);
    if (!z.boolean().optional().safeParse(dependents).success)
      throw failure('BAD_REQUEST', 'The parameter `unload_dependents` is neither true nor false.');
    await this.until(async () => !(await this.drains(model)), gone);
    await this.bus.request(
      subjects.registry('undeploy'),
      DeployReply,
      { endpoint: model },
      {
        timeoutMs: REGISTRY_TIMEOUT_MS,
      },
    );
    await this.until(() => this.view.endpoint(model) === undefined, gone);
  }

  /** Another version comes by a release: what served goes on until the new one does. */
  private async released(model: string, id: string, gone: AbortSignal | undefined): Promise<void> {
    let record: ReleaseRecord | undefined;
    const serves = async () => {
      const query = { timeoutMs: REGISTRY_TIMEOUT_MS };
      record = (await this.bus.request(subjects.release('show'), ReleaseReply, { id }, query)).release;
      return ENDED.has(record.state) || record.state === 'draining';
    };
    const ended = await this.until(serves, gone);
    if (ended && (record?.state === 'done' || record?.state === 'draining')) return;
    throw failure(
      'NOT_READY',
      ended
        ? `The release ${id} of ${model} is ${record?.state}, what served before goes on: ${record?.last.why}.`
        : `The release ${id} of ${model} is ${record?.state} after ${LOADING_MS_MAX / 1e3} s and goes on.`,
      { release: id },
    );
  }

  private check(model: string): void {
    checkName(model);
    if (!this.open)
      throw failure(
        'NOT_ALLOWED',
        'Models are not loaded and unloaded through this door (MASSIF_MODEL_CONTROL).',
      );
  }

  /** A new endpoint with the defaults, or a known one moved to its model's default version with everything else as it was. */
  private order(name: string): Pick<DeployRequest, 'endpoint' | 'model'> & Partial<DeployRequest> {
    const known = this.view.endpoint(name);
    if (known === undefined) return { endpoint: name, model: name };
    const serving = known.variants.filter(({ weight }) => weight > 0);
    if (serving.length > 1)
      throw failure(
        'CONFLICT',
        `${name} is split between ${serving.length} versions; a load would end that.`,
      );
    const { model, assignment, replicasPerRegion, timeoutMs, hedgeAfterMs } = known;
    return {
      endpoint: name,
      model,
      assignment,
      replicasPerRegion,
      timeoutMs,
      ...(hedgeAfterMs === undefined ? {} : { hedgeAfterMs }),
    };
  }

  private async drains(name: string): Promise<boolean> {
    if (!this.view.endpoint(name)?.variants.some(({ weight }) => weight === 0)) return false;
    const query = { timeoutMs: REGISTRY_TIMEOUT_MS };
    const { releases } = await this.bus.request(
      subjects.release('list'),
      ReleasesReply,
      { endpoint: name },
      query,
    );
    return releases.some(({ state }) => state === 'draining');
  }

  private async until(
    done: () => boolean | Promise<boolean>,
    gone: AbortSignal | undefined,
  ): Promise<boolean> {
    const endMs = this.clock.monotonicMs() + LOADING_MS_MAX;
    while (!(await done())) {
      if (gone?.aborted || this.clock.monotonicMs() >= endMs) return false;
      await this.clock.sleep(LOOK_MS);
    }
    return true;
  }
}
