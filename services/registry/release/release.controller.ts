// The subjects of releases, one call each. Any registry answers; the queue group picks one.
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  ApplyRequest,
  type HistoryReply,
  HistoryRequest,
  PromoteOrder,
  ReleaseList,
  ReleaseOrder,
  ReleaseQuery,
  type ReleaseReply,
  type ReleasesReply,
} from '../../../contracts/release.js';
import { queues, type ReleaseVerb, subjects } from '../../../contracts/subjects.js';
import { BusContext } from '../../mesh/bus-context.js';
import type { BusExtras } from '../../mesh/bus-transport.js';
import { Answered } from '../answered.js';
import { Releases } from './releases.js';

const shared: BusExtras = { queue: queues.registry };

@Controller()
export class ReleaseController {
  constructor(
    private readonly releases: Releases,
    private readonly answered: Answered,
  ) {}

  @MessagePattern(subjects.release('apply'), shared)
  apply(
    @Payload({ schema: ApplyRequest }) request: ApplyRequest,
    @Ctx() context: BusContext,
  ): Promise<ReleaseReply> {
    const { by } = request;
    return this.answered.run('release.apply', context, { by }, async () => ({
      release: await this.releases.apply(request),
    }));
  }

  @MessagePattern(subjects.release('list'), shared)
  list(
    @Payload({ schema: ReleaseList }) request: ReleaseList,
    @Ctx() context: BusContext,
  ): Promise<ReleasesReply> {
    return this.answered.run('release.list', context, request, () => this.releases.list(request));
  }

  @MessagePattern(subjects.release('show'), shared)
  show(
    @Payload({ schema: ReleaseQuery }) query: ReleaseQuery,
    @Ctx() context: BusContext,
  ): Promise<ReleaseReply> {
    return this.answered.run('release.show', context, query, async () => ({
      release: await this.releases.show(query.id),
    }));
  }

  @MessagePattern(subjects.release('history'), shared)
  history(
    @Payload({ schema: HistoryRequest }) request: HistoryRequest,
    @Ctx() context: BusContext,
  ): Promise<HistoryReply> {
    return this.answered.run('release.history', context, request, () => this.releases.history(request));
  }

  @MessagePattern(subjects.release('pause'), shared)
  pause(
    @Payload({ schema: ReleaseOrder }) order: ReleaseOrder,
    @Ctx() context: BusContext,
  ): Promise<ReleaseReply> {
    return this.ordered('pause', order, context);
  }

  @MessagePattern(subjects.release('resume'), shared)
  resume(
    @Payload({ schema: ReleaseOrder }) order: ReleaseOrder,
    @Ctx() context: BusContext,
  ): Promise<ReleaseReply> {
    return this.ordered('resume', order, context);
  }

  @MessagePattern(subjects.release('promote'), shared)
  promote(
    @Payload({ schema: PromoteOrder }) order: PromoteOrder,
    @Ctx() context: BusContext,
  ): Promise<ReleaseReply> {
    return this.ordered('promote', order, context);
  }

  @MessagePattern(subjects.release('abort'), shared)
  abort(
    @Payload({ schema: ReleaseOrder }) order: ReleaseOrder,
    @Ctx() context: BusContext,
  ): Promise<ReleaseReply> {
    return this.ordered('abort', order, context);
  }

  private ordered(
    verb: ReleaseVerb & ('pause' | 'resume' | 'promote' | 'abort'),
    order: PromoteOrder,
    context: BusContext,
  ): Promise<ReleaseReply> {
    const { id, by, why } = order;
    return this.answered.run(`release.${verb}`, context, { id, by, why }, async () => ({
      release: await this.releases[verb](order),
    }));
  }
}
