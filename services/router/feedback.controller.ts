// What callers say of their answers, on the bus.
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { type FeedbackReply, FeedbackRequest } from '../../contracts/feedback.js';
import { queues, subjects } from '../../contracts/subjects.js';
import { FeedbackDesk } from '../mesh/evidence/feedback-desk.js';

@Controller()
export class FeedbackController {
  constructor(@Inject(FeedbackDesk) private readonly desk: FeedbackDesk) {}

  @MessagePattern(subjects.feedback(), { queue: queues.router })
  take(@Payload({ schema: FeedbackRequest }) said: FeedbackRequest): FeedbackReply {
    return this.desk.take(said);
  }
}
