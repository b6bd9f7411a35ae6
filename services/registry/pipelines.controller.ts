// The registry's subjects for pipelines, one call each.
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  PipelineQuery,
  type PipelineReply,
  PipelineSpec,
  type PipelinesReply,
} from '../../contracts/pipeline.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import { Answered } from './answered.js';
import { Pipelines } from './pipelines.js';

const shared: BusExtras = { queue: queues.registry };

@Controller()
export class PipelinesController {
  constructor(
    private readonly pipelines: Pipelines,
    private readonly answered: Answered,
  ) {}

  @MessagePattern(subjects.registry('pipeline'), shared)
  apply(
    @Payload({ schema: PipelineSpec }) spec: PipelineSpec,
    @Ctx() context: BusContext,
  ): Promise<PipelineReply> {
    return this.answered.run('pipeline', context, { pipeline: spec.name }, () => this.pipelines.apply(spec));
  }

  @MessagePattern(subjects.registry('pipelines'), shared)
  list(@Ctx() context: BusContext): Promise<PipelinesReply> {
    return this.answered.run('pipelines', context, {}, () => this.pipelines.list());
  }

  @MessagePattern(subjects.registry('withdraw'), shared)
  withdraw(
    @Payload({ schema: PipelineQuery }) query: PipelineQuery,
    @Ctx() context: BusContext,
  ): Promise<PipelineReply> {
    return this.answered.run('withdraw', context, query, () => this.pipelines.withdraw(query));
  }
}
