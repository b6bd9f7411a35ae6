// The registry's subjects, one call each. Any registry answers; the queue group picks one.
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { type ApproveReply, ApproveRequest } from '../../contracts/approval.js';
import { type LifeReply, LifeRequest } from '../../contracts/lifecycle.js';
import {
  AliasRequest,
  ArchiveRequest,
  type DeployReply,
  DeployRequest,
  EndpointQuery,
  type EndpointsReply,
  EndpointsRequest,
  type LineageReply,
  type ModelsReply,
  ModelsRequest,
  type PushReply,
  PushRequest,
  type ShowReply,
  VersionQuery,
} from '../../contracts/registry.js';
import { ScaleRequest } from '../../contracts/scaling.js';
import type { PolicyReply } from '../../contracts/trust-policy.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import { Approvals } from './approvals.js';
import { Answered } from './answered.js';
import { Catalog } from './catalog.js';
import { Lifecycles } from './lifecycle/lifecycles.js';
import { Pusher } from './push.js';
import { Releases } from './release/releases.js';

const shared: BusExtras = { queue: queues.registry };
// Each waits with its model's bytes on the server and its turn in the pusher; more than this are told to come later.
const pushes: BusExtras = { queue: queues.registry, capacity: 8 };

@Controller()
export class RegistryController {
  constructor(
    private readonly catalog: Catalog,
    private readonly pusher: Pusher,
    private readonly releases: Releases,
    private readonly lifecycles: Lifecycles,
    private readonly approvals: Approvals,
    private readonly answered: Answered,
  ) {}

  @MessagePattern(subjects.registry('push'), pushes)
  push(
    @Payload({ schema: PushRequest }) request: PushRequest,
    @Ctx() context: BusContext,
  ): Promise<PushReply> {
    const { model, label } = request;
    return this.answered.run('push', context, { model, label }, () =>
      this.pusher.push(request, context.signal),
    );
  }

  @MessagePattern(subjects.registry('models'), shared)
  models(
    @Payload({ schema: ModelsRequest }) request: ModelsRequest,
    @Ctx() context: BusContext,
  ): Promise<ModelsReply> {
    return this.answered.run('models', context, request, () => this.catalog.models(request));
  }

  @MessagePattern(subjects.registry('show'), shared)
  show(
    @Payload({ schema: VersionQuery }) query: VersionQuery,
    @Ctx() context: BusContext,
  ): Promise<ShowReply> {
    return this.answered.run('show', context, query, () => this.catalog.show(query));
  }

  @MessagePattern(subjects.registry('alias'), shared)
  alias(
    @Payload({ schema: AliasRequest }) request: AliasRequest,
    @Ctx() context: BusContext,
  ): Promise<ShowReply> {
    return this.answered.run('alias', context, request, () => this.catalog.alias(request));
  }

  @MessagePattern(subjects.registry('deploy'), shared)
  deploy(
    @Payload({ schema: DeployRequest }) request: DeployRequest,
    @Ctx() context: BusContext,
  ): Promise<DeployReply> {
    const { endpoint, model, variants } = request;
    return this.answered.run('deploy', context, { endpoint, model, variants }, () =>
      this.releases.deploy(request),
    );
  }

  @MessagePattern(subjects.registry('undeploy'), shared)
  undeploy(
    @Payload({ schema: EndpointQuery }) query: EndpointQuery,
    @Ctx() context: BusContext,
  ): Promise<DeployReply> {
    return this.answered.run('undeploy', context, query, () => this.releases.undeploy(query));
  }

  @MessagePattern(subjects.registry('scale'), shared)
  scale(
    @Payload({ schema: ScaleRequest }) request: ScaleRequest,
    @Ctx() context: BusContext,
  ): Promise<DeployReply> {
    return this.answered.run('scale', context, request, () => this.catalog.scale(request));
  }

  @MessagePattern(subjects.registry('endpoints'), shared)
  endpoints(
    @Payload({ schema: EndpointsRequest }) request: EndpointsRequest,
    @Ctx() context: BusContext,
  ): Promise<EndpointsReply> {
    return this.answered.run('endpoints', context, request, () => this.catalog.endpoints(request));
  }

  @MessagePattern(subjects.registry('archive'), shared)
  archive(
    @Payload({ schema: ArchiveRequest }) request: ArchiveRequest,
    @Ctx() context: BusContext,
  ): Promise<ShowReply> {
    return this.answered.run('archive', context, request, () => this.lifecycles.archive(request));
  }

  @MessagePattern(subjects.registry('approve'), shared)
  approve(
    @Payload({ schema: ApproveRequest }) request: ApproveRequest,
    @Ctx() context: BusContext,
  ): Promise<ApproveReply> {
    const { model, version } = request;
    return this.answered.run('approve', context, { model, version }, () => this.approvals.approve(request));
  }

  @MessagePattern(subjects.registry('policy'), shared)
  policy(@Ctx() context: BusContext): Promise<PolicyReply> {
    return this.answered.run('policy', context, {}, () => Promise.resolve(this.approvals.policy()));
  }

  @MessagePattern(subjects.registry('history'), shared)
  history(
    @Payload({ schema: LifeRequest }) request: LifeRequest,
    @Ctx() context: BusContext,
  ): Promise<LifeReply> {
    return this.answered.run('history', context, request, () => this.lifecycles.history(request));
  }

  @MessagePattern(subjects.registry('lineage'), shared)
  lineage(
    @Payload({ schema: VersionQuery }) query: VersionQuery,
    @Ctx() context: BusContext,
  ): Promise<LineageReply> {
    return this.answered.run('lineage', context, query, () => this.catalog.lineage(query));
  }
}
