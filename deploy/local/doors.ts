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
  const vad = 'client/samples/sentence.wav';
  return [
    '',
    `${region.name}${region.home ? ' (home)' : ''}`,
    `  REST          curl -s ${region.rest}/v2/models/ocr`,
    `  NATS          nats --server ${region.nats} request massif.infer.ocr "$(cat client/samples/line.json)"`,
    `  command line  npx massif --region ${region.name} infer vad --wav ${vad}`,
    `  client        node client/samples/infer.mjs ${region.nats}`,
    `  Consul        ${region.consul}/v1/catalog/services`,
  ].join('\n');
}
