// The router's side door for people: what it would do with a request, and why; the region's orders of safety, and its links. Inference itself
// comes in through door.ts.
import { type BeforeApplicationShutdown, Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { type Explanation, ExplainRequest } from '../../contracts/explain.js';
import type { LinksReply } from '../../contracts/links.js';
import { type OverrideReply, OverrideRequest, type OverridesReply } from '../../contracts/override.js';
import { fromSubjectToken } from '../../contracts/names.js';
import { queues, subjects, wildcards } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import { LinkProbe } from '../mesh/routing/link-probe.js';
import { RouteView } from '../mesh/routing/route-view.js';
import { explain } from './explanation.js';
import { Overrides } from './overrides.js';

@Controller()
export class RouterController implements BeforeApplicationShutdown {
  constructor(
    @Inject(RouteView) private readonly view: RouteView,
    @Inject(Overrides) private readonly overrides: Overrides,
    @Inject(LinkProbe) private readonly links: LinkProbe,
  ) {}

  @MessagePattern(subjects.override('{region}'), { queue: queues.router })
  override(@Payload({ schema: OverrideRequest }) { envelope }: OverrideRequest): Promise<OverrideReply> {
    return this.overrides.give(envelope);
  }

  @MessagePattern(subjects.overrides('{region}'), { queue: queues.router })
  listOverrides(): OverridesReply {
    return this.overrides.list();
  }

  @MessagePattern(subjects.links('{region}'), { queue: queues.router })
  listLinks(): LinksReply {
    return this.links.report();
  }

  beforeApplicationShutdown(): void {
    this.overrides.close();
  }

  @MessagePattern(wildcards.explain(), { queue: queues.router })
  explain(
    @Payload({ schema: ExplainRequest }) request: ExplainRequest,
    @Ctx() context: BusContext,
  ): Explanation {
    const endpoint = fromSubjectToken(context.subject.slice(subjects.explain('').length));
    return explain(this.view, endpoint, request);
  }
}
