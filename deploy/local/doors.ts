// What `npm start` prints once the mesh serves: where it is, and for each region a line to paste for every door.
import type { RegionDoors } from '../../contracts/state-file.js';
import type { MeshState } from './state.mjs';

export function describeMesh(state: MeshState): string {
  const services = state.processes.map((process) => process.name).join(', ');
  return [
    `Massif ${state.version} runs in ${state.regions.length} regions (pid ${state.pid}): ${services}`,
    ...state.regions.map(describeRegion),
    '',
  ].join('\n');
}

function describeRegion(region: RegionDoors): string {
  const examples = 'deploy/examples';
  const grpcurl = 'grpcurl -plaintext';
  const from = region.home ? '' : ` --region ${region.name}`;
  return [
    '',
    `${region.name}${region.home ? ' (home)' : ''}`,
    `  command line  npx massif infer ocr --image ${examples}/line.png${from}`,
    `  REST          curl -s ${region.rest}/v2/models/vad/infer -d @${examples}/vad.request.json`,
    ...(region.grpc === undefined
      ? []
      : [`  gRPC          ${grpcurl} ${region.grpc} inference.GRPCInferenceService/ServerReady`]),
    `  NATS          nats --server ${region.nats} request massif.infer.vad "$(cat ${examples}/vad.request.json)"`,
    `  client        node ${examples}/client.mjs ${region.nats}`,
    `  Consul        ${region.consul}/v1/catalog/services`,
  ].join('\n');
}
