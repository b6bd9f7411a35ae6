// The registry's subject for pins of users.
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { type DeployReply, PinRequest } from '../../contracts/registry.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import { Answered } from './answered.js';
import { Pins } from './pins.js';

const shared: BusExtras = { queue: queues.registry };

@Controller()
export class PinsController {
  constructor(
    private readonly pins: Pins,
    private readonly answered: Answered,
  ) {}

  @MessagePattern(subjects.registry('pin'), shared)
  pin(
    @Payload({ schema: PinRequest }) request: PinRequest,
    @Ctx() context: BusContext,
  ): Promise<DeployReply> {
    return this.answered.run('pin', context, request, () => this.pins.pin(request));
  }
}
