import { start } from '../mesh/start.js';
import { routerService } from './router.module.js';

await start({ services: [routerService] });
