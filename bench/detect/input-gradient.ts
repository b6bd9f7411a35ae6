// The gradient of weighed logits by the input: how attacks of bench detect find their way. The toolkit's backward pass, with the
// weights of the logits as one more input.
import { create } from '@bufbuild/protobuf';
import { writeGradients } from '../../services/onnx/gradient/backward.js';
import { lowered } from '../../services/onnx/gradient/lowering/lowered.js';
import { modernise } from '../../services/onnx/gradient/lowering/modern.js';
import { Graph } from '../../services/onnx/graph.js';
import { TensorProto_DataType as T, ValueInfoProtoSchema } from '../../services/onnx/proto/onnx_pb.js';
import { openSession, type Session } from '../../services/onnx/session.js';
import { logitsBehind } from '../../services/onnx/tap/candidates.js';
import { float32, floatValues } from '../../services/onnx/tensor.js';
import { valueInfo } from '../../services/onnx/value-info.js';

const CLASSES = 10;

export class InputGradient implements AsyncDisposable {
  private constructor(private readonly session: Session) {}

  /** Of a network from `image` [batch, 1, 28, 28] to `probabilities`; `batch` rows at a time. */
  static async of(model: Uint8Array, batch: number): Promise<InputGradient> {
    const graph = Graph.read(model);
    const logits = logitsBehind(graph, 'probabilities') ?? '';
    modernise(graph);
    const write = lowered(graph, { bind: { batch } });
    graph.proto.input.push(valueInfo('weights', T.FLOAT, [batch, CLASSES]));
    const gradient = writeGradients(write, new Map([[logits, 'weights']]), ['image']).get('image') ?? '';
    graph.add('Identity', [gradient], {}, ['gradient']);
    graph.add('Identity', [logits], {}, ['logits']);
    graph.proto.output = ['gradient', 'logits'].map((name) => create(ValueInfoProtoSchema, { name }));
    return new InputGradient(await openSession(graph.write()));
  }

  /** `weigh` says what to climb, from the logits of a row: [classes]. Rows are climbed together, one gradient each. */
  async climb(images: readonly Float32Array[], weigh: (logits: Float32Array, row: number) => Float32Array) {
    const size = images[0]?.length ?? 0;
    const data = new Float32Array(images.length * size);
    images.forEach((image, i) => data.set(image, i * size));
    const image = float32([images.length, 1, 28, 28], data);
    const run = (weights: Float32Array) =>
      this.session.run({ image, weights: float32([images.length, CLASSES], weights) });
    const zero = new Float32Array(images.length * CLASSES);
    const logits = floatValues((await run(zero))['logits'] ?? float32([0], []));
    const weights = zero.slice();
    images.forEach((_, i) =>
      weights.set(weigh(logits.subarray(i * CLASSES, (i + 1) * CLASSES), i), i * CLASSES),
    );
    const gradient = floatValues((await run(weights))['gradient'] ?? float32([0], []));
    return images.map((_, i) => gradient.slice(i * size, (i + 1) * size));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session.close();
  }
}
