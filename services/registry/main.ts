// The registry as a process of its own.
import { start } from '../mesh/start.js';
import { registryService } from './registry.module.js';

await start({ services: [registryService] });
