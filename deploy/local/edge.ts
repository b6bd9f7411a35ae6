// The edge process of one region: router and gateway together, on one connection to NATS and one view of the mesh.
import { gatewayService } from '../../services/gateway/gateway.module.js';
import { start } from '../../services/mesh/start.js';
import { routerService } from '../../services/router/router.module.js';

await start({ services: [routerService, gatewayService] });
