// The control process, one in the mesh: what is written down and decided, away from the path of requests.
import { start } from '../../services/mesh/start.js';
import { auditorService } from '../../services/auditor/auditor.module.js';
import { registryService } from '../../services/registry/registry.module.js';
import { autoscalerService } from '../../services/autoscaler/autoscaler.module.js';
import { compressorService } from '../../services/compressor/compressor.module.js';
import { trainerService } from '../../services/trainer/trainer.module.js';

await start({
  services: [auditorService, registryService, trainerService, compressorService, autoscalerService],
});
