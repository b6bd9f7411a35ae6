// What the gateway answers on the bus, for callers who have NATS and nothing else.
import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { MetadataRequest, type ModelMetadata } from '../../contracts/metadata.js';
import { fromSubjectToken } from '../../contracts/names.js';
import { queues, wildcards } from '../../contracts/subjects.js';
import { BusContext } from '../mesh/bus-context.js';
import { Directory } from './directory.js';
import { checkName } from './infer-calls.js';

@Controller()
export class BusController {
  constructor(@Inject(Directory) private readonly directory: Directory) {}

  @MessagePattern(wildcards.metadata(), { queue: queues.gateway })
  metadata(
    @Payload({ schema: MetadataRequest }) { version }: MetadataRequest,
    @Ctx() context: BusContext,
  ): Promise<ModelMetadata> {
    const endpoint = fromSubjectToken(context.subject.split('.').at(-1) ?? '');
    return this.directory.metadata(checkName(endpoint), version);
  }
}
