// Which versions of the format and of the operator sets the runtime knows. Used by scan.ts.
import type { ModelProto } from '../proto/onnx_pb.js';
import { clip, refusal } from '../refusal.js';

// What onnxruntime 1.30 loads; one more of either is rejected.
const NEWEST_IR = 13;
const NEWEST_OPSET = 26;

export function checkVersions(model: ModelProto): Record<string, number> {
  const irVersion = Number(model.irVersion);
  if (irVersion < 1 || irVersion > NEWEST_IR) {
    throw refusal(`The model has IR version ${irVersion}; versions 1 to ${NEWEST_IR} can be loaded.`, {
      irVersion,
    });
  }
  const opsets: Record<string, number> = {};
  for (const { domain, version } of model.opsetImport) {
    const name = domain === 'ai.onnx' ? '' : domain;
    if (Object.hasOwn(opsets, name))
      throw refusal(`The model imports the domain "${clip(domain)}" twice.`, { domain });
    opsets[name] = Number(version);
  }
  // Models of IR 1 and 2 (2017) name no operator set and mean the first.
  if (model.opsetImport.length === 0 && irVersion < 3) opsets[''] = 1;
  if (Object.keys(opsets).length === 0) throw refusal('The model imports no operator set.');
  const opset = opsets[''];
  if (opset !== undefined && (opset < 1 || opset > NEWEST_OPSET)) {
    throw refusal(`The model uses opset ${opset}; opsets up to ${NEWEST_OPSET} can be loaded.`, { opset });
  }
  return opsets;
}
