// What `npm start` prints once the mesh serves: where it is, and for each region a line to paste for every door.
import { relative } from 'node:path';
import { inboxPrefix } from '../../contracts/bus-users.js';
import type { RegionDoors } from '../../contracts/state-file.js';
import { busKeyPath } from './bus-keys.js';
import { consulTokenPath } from './consul-tokens.js';
import { doorKeyPath } from './door-key.js';
import type { MeshState } from './state.mjs';

export function describeMesh(state: MeshState): string {
  const services = state.processes.map((process) => process.name).join(', ');
  return [
    `Massif ${state.version} runs in ${state.regions.length} regions (pid ${state.pid}): ${services}`,
    ...(state.development ? [OPEN] : []),
    ...state.regions.map((region) => describeRegion(region, state)),
    '',
  ].join('\n');
}

const OPEN = 'Development mode: whoever reaches this machine may do everything.';

function describeRegion(region: RegionDoors, { development, keys }: MeshState): string {
  const examples = 'deploy/examples';
  const header = relative(process.cwd(), doorKeyPath(keys));
  const curl = `curl -s${development ? '' : ` -H @${header}`}`;
  const grpcurl = `grpcurl -plaintext${development ? '' : ` -H "$(cat ${header})"`}`;
  const from = region.home ? '' : ` --region ${region.name}`;
  return [
    '',
    `${region.name}${region.home ? ' (home)' : ''}`,
    `  command line  npx massif infer ocr --image ${examples}/line.png${from}`,
    `  REST          ${curl} ${region.rest}/v2/models/vad/infer -d @${examples}/vad.request.json`,
    ...(region.grpc === undefined
      ? []
      : [`  gRPC          ${grpcurl} ${region.grpc} inference.GRPCInferenceService/ServerReady`]),
    `  NATS          nats --server ${region.nats}${development ? '' : asApplication(keys)} request massif.infer.vad "$(cat ${examples}/vad.request.json)"`,
    `  client        node ${examples}/client.mjs ${region.nats}`,
    `  Consul        ${development ? '' : withToken(keys)}${region.consul}/v1/catalog/services`,
  ].join('\n');
}

/** What any NATS client needs: a key, and inboxes under the prefix of its user. */
const asApplication = (keys: string): string =>
  ` --nkey ${relative(process.cwd(), busKeyPath(keys, 'application'))} --inbox-prefix ${inboxPrefix('application')}`;

const withToken = (keys: string): string =>
  `curl -H "X-Consul-Token: $(cat ${relative(process.cwd(), consulTokenPath(keys, 'operator'))})" `;
