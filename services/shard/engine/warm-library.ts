// Does once, while an engine is a spare that nobody waits for, what every first session of a process pays for: onnxruntime's
// environment with its thousand operator schemas (30 ms alone, 75 beside other work), and for its first way through the gate (6 to 10 ms).
import { createHash } from 'node:crypto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { RESOURCES } from '../../../contracts/manifest.js';
import { passGate } from '../../mesh/trust/gate.js';
import { signManifest } from '../../mesh/trust/manifest.js';
import { newKeyPair, privateKeyOf } from '../../mesh/trust/signing-key.js';

/** Opset 17, `y` FP32 [1,4] = Relu(`x`), as GraphBuilder writes it. */
const RELU = Buffer.from(
  'CAgSBm1hc3NpZjpDChEKAXgSAXkaAXkiBFJlbHU6ABIEd2FybVoTCgF4Eg4KDAgBEggKAggBCgIIBGITCgF5Eg4KDAgBEggKAggBCgIIBEIECgAQEQ==',
  'base64',
);

export async function warmLibrary(threads: number): Promise<void> {
  const session = await InferenceSession.create(RELU, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    externalData: [],
  });
  await session.run({ x: new Tensor('float32', new Float32Array(4), [1, 4]) });
  await session.release();
  passOnce();
}

/** With a key of its own and a policy that trusts it, for nobody else. */
function passOnce(): void {
  const model = 'warm-up';
  const { fingerprint, publicKeyPem, privateKeyPem } = newKeyPair('publisher');
  const resources = [
    { name: RESOURCES.model, digest: createHash('sha256').update(RELU).digest('hex'), bytes: RELU.length },
  ];
  const { bundle, root } = signManifest(model, resources, privateKeyOf(privateKeyPem));
  const term = {
    person: model,
    models: [model],
    notBefore: '2000-01-01T00:00:00Z',
    notAfter: '2100-01-01T00:00:00Z',
  };
  const policy = { version: 1, publishers: [{ fingerprint, publicKeyPem, ...term }] };
  passGate({ model, digest: root, bundle, resources }, policy, { nowMs: Date.parse('2050-01-01T00:00:00Z') });
}
