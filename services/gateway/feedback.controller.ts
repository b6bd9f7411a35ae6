// POST /v2/feedback: what a caller says of an answer, for the evidence of releases.
import { Controller, HttpCode, Inject, Post, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type FeedbackReply, FeedbackRequest } from '../../contracts/feedback.js';
import { FeedbackDesk } from '../mesh/evidence/feedback-desk.js';
import { HttpFailureFilter } from './http-failure.filter.js';
import { readJsonRequest } from './json-request.js';

const SHOWN =
  '{"endpoint": "digits", "requestId": "...", "metric": "rating", "value": 4, "arm": "<header Massif-Arm of the answer>"}';

@Controller('v2/feedback')
@UseFilters(HttpFailureFilter)
export class FeedbackController {
  constructor(@Inject(FeedbackDesk) private readonly desk: FeedbackDesk) {}

  @Post()
  @HttpCode(200)
  async take(@Req() request: FastifyRequest): Promise<FeedbackReply> {
    return this.desk.take(await readJsonRequest(request, FeedbackRequest, SHOWN));
  }
}
