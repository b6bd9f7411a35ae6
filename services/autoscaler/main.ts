// The autoscaler as a process of its own.
import { start } from '../mesh/start.js';
import { autoscalerService } from './autoscaler.module.js';

await start({ services: [autoscalerService] });
