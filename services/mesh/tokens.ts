// What every service may ask to be given: `constructor(@Inject(BUS) private readonly bus: Bus)`. mesh.module.ts provides them.

export const BUS = Symbol('Bus');
export const DISCOVERY = Symbol('Discovery');
/** The local Consul agent, for leases: `new Leases({ agent, ... })`. */
export const CONSUL = Symbol('ConsulAgent');
export const CLOCK = Symbol('Clock');
export const RANDOM = Symbol('Random');
export const LOG = Symbol('Log');
export const METRICS = Symbol('Metrics');
export const MESH_CONFIG = Symbol('MeshConfig');
/** What this process answers, for the services protocol: whoever subscribes without the transport adds its subject here. */
export const ENDPOINTS = Symbol('Endpoints');
