// What an autoscaler is asked: how endpoints are scaled, and why. Any of them answers.
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { ScalingQuery, type ScalingReply } from '../../contracts/scaling.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { Autoscaler } from './autoscaler.js';

@Controller()
export class AutoscalerController {
  constructor(private readonly autoscaler: Autoscaler) {}

  @MessagePattern(subjects.scaling(), { queue: queues.autoscaler })
  explain(@Payload({ schema: ScalingQuery }) query: ScalingQuery): Promise<ScalingReply> {
    return this.autoscaler.explain(query);
  }
}
