// What a request at a door needs: the permission, and the endpoint that is called. Pure; what no line names needs an operator.
import type { Permission } from '../../../contracts/identity.js';

/** `open`: signs of life and the metrics, which load balancers and scrapers ask for without a key. */
export interface Needed {
  readonly permission: Permission | 'open';
  readonly endpoint?: string;
}

const MODEL = /^\/v2\/models\/([^/]+)(?:\/versions\/[^/]+)?(?:\/(infer|ready|config|stats))?$/;

const REST: readonly (readonly [method: RegExp, path: RegExp, permission: Needed['permission']])[] = [
  [/^/, /^\/(healthz|metrics|v2\/health\/(live|ready))$/, 'open'],
  [/^(GET|HEAD)$/, /^\/(v2|v2\/.*)$/, 'read'],
  [/^POST$/, /^\/v2\/(repository\/index|placement\/plans)$/, 'read'],
  [/^POST$/, /^\/v2\/feedback$/, 'infer'],
  [/^POST$/, /^\/v2\/(train|compress)(\/|$)/, 'submit'],
];

export function neededAtRest(method: string, url: string): Needed {
  const path = (url.split(/[?#]/, 1)[0] ?? '').replace(/(.)\/$/, '$1');
  const [, name, verb] = MODEL.exec(path) ?? [];
  // Whoever may call a model may read what it takes.
  if (name !== undefined && name !== 'stats' && (verb === 'infer' || method === 'GET' || method === 'HEAD'))
    return { permission: 'infer', endpoint: decoded(name) };
  const found = REST.find(([verbs, paths]) => verbs.test(method) && paths.test(path));
  return { permission: found?.[2] ?? 'operate' };
}

const GRPC: Readonly<Record<string, Needed['permission']>> = {
  ServerLive: 'open',
  ServerReady: 'open',
  Check: 'open',
  Watch: 'open',
  // Which model it is stands in the message: allowsEndpoint() is asked again there.
  ModelReady: 'infer',
  ModelMetadata: 'infer',
  ModelConfig: 'infer',
  ModelInfer: 'infer',
  ModelStreamInfer: 'infer',
  ServerMetadata: 'infer',
  ServerReflectionInfo: 'infer',
  ModelStatistics: 'read',
  RepositoryIndex: 'read',
};

/** `path` as gRPC has it: `/inference.GRPCInferenceService/ModelInfer`. */
export const neededAtGrpc = (path: string): Needed => ({
  permission: GRPC[path.slice(path.lastIndexOf('/') + 1)] ?? 'operate',
});

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // the door itself refuses it
  }
}
