// Bytes to ModelProto and back. Registry, shard, compressor and trainer all come through here.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { failure, Failure } from '../../contracts/errors.js';
import { ModelProtoSchema, type ModelProto } from './proto/onnx_pb.js';
import { refusal } from './refusal.js';
import { checkWireBounds, LIMITS } from './wire-bounds.js';

/**
 * Reads a model. Weights (raw_data) are views of `file`, never copies: keep `file` unchanged as long as the model is
 * used. Throws MODEL_REFUSED for anything that is not a whole ONNX file.
 */
export function decode(file: Uint8Array): ModelProto {
  // A Buffer's slice() does not copy and its JSON is another: everything behind this line sees plain Uint8Arrays.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  refuseForeignFile(bytes);
  checkWireBounds(bytes);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes, { recursionLimit: LIMITS.messageDepth });
  } catch (cause) {
    throw refusal(`This is not a readable ONNX model: ${(cause as Error).message}.`, {}, cause);
  }
  if (model.graph === undefined) throw refusal('This is not an ONNX model: it has no graph.');
  return model;
}

/** Writes a model into one file. Throws TOO_LARGE above 2 GB, where protobuf ends. */
export function encode(model: ModelProto): Uint8Array {
  try {
    return toBinary(ModelProtoSchema, model);
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw failure(
        'TOO_LARGE',
        'The model does not fit one file of 2 GB; keep its weights as external data.',
        {},
        cause,
      );
    }
    throw cause instanceof Failure
      ? cause
      : failure('INTERNAL', 'The model could not be written.', {}, cause);
  }
}

/** What people push by mistake, told apart by its first bytes. */
function refuseForeignFile(bytes: Uint8Array): void {
  if (bytes.length === 0) throw refusal('The model file is empty.');
  const head = String.fromCharCode(...bytes.subarray(0, 32));
  const found = FOREIGN.find(({ at, magic }) => head.toLowerCase().startsWith(magic.toLowerCase(), at));
  if (found !== undefined)
    throw refusal(`This is not an ONNX model but ${found.is}.`, { looksLike: found.is });
}

const FOREIGN: readonly { readonly at: number; readonly magic: string; readonly is: string }[] = [
  { at: 0, magic: 'version https://git-lfs', is: 'a Git LFS pointer: fetch the real file with git lfs pull' },
  { at: 0, magic: 'PK\x03\x04', is: 'a zip archive (PyTorch checkpoints are one): export it to ONNX first' },
  { at: 4, magic: 'ORTM', is: "a model in onnxruntime's own format: give the .onnx file it was made from" },
  { at: 4, magic: 'TFL3', is: 'a TensorFlow Lite model: convert it to ONNX first' },
  { at: 0, magic: '\x89HDF', is: 'a Keras HDF5 file: convert it to ONNX first' },
  { at: 0, magic: '\x80\x02', is: 'a Python pickle: export it to ONNX first' },
  { at: 0, magic: '\x1f\x8b', is: 'a gzip file: unpack it first' },
  { at: 0, magic: '<!doctype', is: 'a web page: the download probably failed' },
  { at: 0, magic: '<html', is: 'a web page: the download probably failed' },
];
