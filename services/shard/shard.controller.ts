// What an operator may ask a shard host. Placement, load and health travel by themselves (KV, heartbeat).
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import type { Heartbeat } from '../../contracts/heartbeat.js';
import {
  type CordonReply,
  type DrainReply,
  type RecycleReply,
  RecycleRequest,
} from '../../contracts/shard.js';
import { StatisticsQuery, type StatisticsReply } from '../../contracts/statistics.js';
import { subjects } from '../../contracts/subjects.js';
import { Shard } from './shard.js';

@Controller()
export class ShardController {
  constructor(private readonly shard: Shard) {}

  @MessagePattern(subjects.shardControl('{instance}', 'inspect'))
  inspect(): Heartbeat {
    return this.shard.inspect();
  }

  @MessagePattern(subjects.shardControl('{instance}', 'statistics'))
  statistics(@Payload({ schema: StatisticsQuery }) query: StatisticsQuery): Promise<StatisticsReply> {
    return this.shard.statistics(query);
  }

  @MessagePattern(subjects.shardControl('{instance}', 'recycle'))
  recycle(@Payload({ schema: RecycleRequest }) { pid }: RecycleRequest): RecycleReply {
    return { engines: this.shard.recycle(pid) };
  }

  @MessagePattern(subjects.shardControl('{instance}', 'cordon'))
  cordon(): CordonReply {
    return { replicas: this.shard.cordon() };
  }

  @MessagePattern(subjects.shardControl('{instance}', 'drain'))
  async drain(): Promise<DrainReply> {
    return { replicas: await this.shard.drain() };
  }
}
