// The auditor as a process of its own.
import { start } from '../mesh/start.js';
import { auditorService } from './auditor.module.js';

await start({ services: [auditorService] });
