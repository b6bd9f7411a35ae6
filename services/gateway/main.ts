import { start } from '../mesh/start.js';
import { gatewayService } from './gateway.module.js';

await start({ services: [gatewayService] });
