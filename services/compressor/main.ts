// The compressor as a process of its own.
import { start } from '../mesh/start.js';
import { compressorService } from './compressor.module.js';

await start({ services: [compressorService] });
