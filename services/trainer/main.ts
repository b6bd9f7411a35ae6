// The trainer as a process of its own.
import { start } from '../mesh/start.js';
import { trainerService } from './trainer.module.js';

await start({ services: [trainerService] });
