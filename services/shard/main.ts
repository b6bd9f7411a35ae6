import { start } from '../mesh/start.js';
import { shardService } from './shard.module.js';

await start({ services: [shardService] });
