// The subjects of keys and tenants, one call each. Any gateway answers; the queue group picks one.
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { z } from 'zod';
import {
  type IdentitiesReply,
  type IssueReply,
  IssueRequest,
  KeyQuery,
  type KeyReply,
  RotateRequest,
  type TenantReply,
  TenantRequest,
} from '../../../contracts/identity.js';
import { queues, subjects } from '../../../contracts/subjects.js';
import type { BusExtras } from '../../mesh/bus-transport.js';
import { Identities } from './identities.js';

const shared: BusExtras = { queue: queues.gateway };
const Nothing = z.object({});

@Controller()
export class IdentityController {
  constructor(@Inject(Identities) private readonly identities: Identities) {}

  @MessagePattern(subjects.identity('issue'), shared)
  issue(@Payload({ schema: IssueRequest }) request: IssueRequest): Promise<IssueReply> {
    return this.identities.issue(request);
  }

  @MessagePattern(subjects.identity('rotate'), shared)
  rotate(@Payload({ schema: RotateRequest }) request: RotateRequest): Promise<IssueReply> {
    return this.identities.rotate(request);
  }

  @MessagePattern(subjects.identity('revoke'), shared)
  async revoke(@Payload({ schema: KeyQuery }) { id }: KeyQuery): Promise<KeyReply> {
    return { key: await this.identities.revoke(id) };
  }

  @MessagePattern(subjects.identity('tenant'), shared)
  async tenant(@Payload({ schema: TenantRequest }) request: TenantRequest): Promise<TenantReply> {
    return { tenant: await this.identities.setTenant(request) };
  }

  @MessagePattern(subjects.identity('list'), shared)
  list(@Payload({ schema: Nothing }) _nothing: z.infer<typeof Nothing>): Promise<IdentitiesReply> {
    return this.identities.list();
  }
}
