// The registry's subject for placement plans: what the four policies would do with devices and demand that somebody sends.
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { failure } from '../../contracts/errors.js';
import { PlacementProblem, type PlansReply } from '../../contracts/placement.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import type { BusExtras } from '../mesh/bus-transport.js';
import { Planners } from '../mesh/placement/planners.js';
import { Answered } from './answered.js';

// One after the other, and no larger than this: a larger problem is no message, and the running placer waits for the same thread.
const shared: BusExtras = { queue: queues.registry, capacity: 1 };
const SHARDS_MAX = 1_000;
const ENDPOINTS_MAX = 200;

@Controller()
export class PlansController {
  constructor(
    private readonly answered: Answered,
    private readonly planner: Planners,
  ) {}

  @MessagePattern(subjects.registry('plan'), shared)
  plan(
    @Payload({ schema: PlacementProblem }) problem: PlacementProblem,
    @Ctx() context: BusContext,
  ): Promise<PlansReply> {
    const { shards, endpoints } = problem;
    const size = { shards: shards.length, endpoints: endpoints.length };
    return this.answered.run('plan', context, size, async () => {
      if (shards.length > SHARDS_MAX || endpoints.length > ENDPOINTS_MAX)
        throw failure(
          'TOO_LARGE',
          `The registry plans for ${SHARDS_MAX} shards and ${ENDPOINTS_MAX} endpoints: plan larger ones with massif place --inventory FILE.`,
          size,
        );
      return { plans: [...(await this.planner.plan(problem, 'all', context.signal))] };
    });
  }
}
