// Does once, while an engine is a spare that nobody waits for, what every first session of a process pays for: onnxruntime's
// environment with its thousand operator schemas (30 ms alone, 75 beside other work), and the first signature and digest.
import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import { InferenceSession, Tensor } from 'onnxruntime-node';

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
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const digest = createHash('sha256').update(RELU).digest();
  verify('sha256', digest, publicKey, sign('sha256', digest, privateKey));
}
