// Reads a model file as a stranger would hand it in and says what it is, or refuses by name what would crash, confuse
// or mislead onnxruntime. The registry scans on push, the shard again before every load: a few milliseconds each.
import type { ModelProto } from './proto/onnx_pb.js';
import { decode } from './model.js';
import { checkFunctions } from './scan/functions.js';
import { findingsOf } from './scan/findings.js';
import { checkLoops } from './scan/loops.js';
import { checkScope } from './scan/scope.js';
import { checkTensors } from './scan/tensors.js';
import { checkText } from './scan/text.js';
import { checkVersions } from './scan/versions.js';
import { signatureOf, type Signature } from './signature.js';

export interface ScanReport {
  readonly signature: Signature;
  /** Operator set version per domain; '' is the standard domain. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion: number;
  /** Nodes in the graph, in all bodies of If, Loop and Scan, and in called functions once per call. */
  readonly nodeCount: number;
  /** Elements in initialisers and constants. */
  readonly parameterCount: number;
  readonly parameterBytes: number;
  /** Names of the resources that the model takes weights from. */
  readonly externalData: readonly string[];
  /** What a person should know before they let it run (scan/findings.ts). */
  readonly findings: readonly string[];
}

/**
 * Throws MODEL_REFUSED naming the node, tensor or byte. `externalNames` lists the resources that come with the model;
 * weights may be taken from those and from nothing else.
 */
export function scan(bytes: Uint8Array, externalNames: readonly string[] = []): ScanReport {
  return scanModel(decode(bytes), externalNames);
}

export function scanModel(model: ModelProto, externalNames: readonly string[] = []): ScanReport {
  const opsets = checkVersions(model);
  const signature = signatureOf(model);
  const nodeCount = checkFunctions(model);
  if (model.graph !== undefined) checkScope(model.graph);
  const { unbounded } = checkLoops(model);
  checkText(model);
  const parameters = checkTensors(model, new Set(externalNames));
  const findings = findingsOf(model, unbounded);
  return { signature, opsets, irVersion: Number(model.irVersion), nodeCount, ...parameters, findings };
}
