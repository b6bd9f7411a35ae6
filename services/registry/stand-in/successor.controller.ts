// The registry's answer to: who would answer if this version were withheld? The auditor asks before it stops one.
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { VersionQuery } from '../../../contracts/registry.js';
import { queues, subjects } from '../../../contracts/subjects.js';
import type { SuccessorReply } from '../../../contracts/verdict.js';
import { BusContext } from '../../mesh/bus-context.js';
import type { BusExtras } from '../../mesh/bus-transport.js';
import { Answered } from '../answered.js';
import { StandIns } from './stand-ins.js';

const shared: BusExtras = { queue: queues.registry };

@Controller()
export class SuccessorController {
  constructor(
    private readonly answered: Answered,
    private readonly standIns: StandIns,
  ) {}

  @MessagePattern(subjects.registry('successor'), shared)
  successor(
    @Payload({ schema: VersionQuery }) query: VersionQuery,
    @Ctx() context: BusContext,
  ): Promise<SuccessorReply> {
    return this.answered.run('successor', context, query, () => this.standIns.successors(query));
  }
}
