// The router's side door for people: what it would do with a request, and why. Inference itself comes in through door.ts.
import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { type Explanation, ExplainRequest } from '../../contracts/explain.js';
import { fromSubjectToken } from '../../contracts/names.js';
import { queues, subjects, wildcards } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import { RouteView } from '../mesh/route-view.js';
import { explain } from './explanation.js';

@Controller()
export class RouterController {
  constructor(@Inject(RouteView) private readonly view: RouteView) {}

  @MessagePattern(wildcards.explain(), { queue: queues.router })
  explain(
    @Payload({ schema: ExplainRequest }) request: ExplainRequest,
    @Ctx() context: BusContext,
  ): Explanation {
    const endpoint = fromSubjectToken(context.subject.slice(subjects.explain('').length));
    return explain(this.view, endpoint, request);
  }
}
