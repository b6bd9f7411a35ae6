// Lines of text for bench detect: the recogniser of PP-OCR onboarded on shades of a real line, and what is no line. The output is the mean over
// steps of what the Softmax says, the blank and 6,624 characters.
import { auroc } from '../../services/auditor/detect/auroc.js';
import { modelRows } from '../../services/auditor/detect/model-rows.js';
import { onboard } from '../../services/auditor/detect/onboard.js';
import { SURROGATES, surrogate } from '../../services/auditor/detect/surrogates.js';
import { VersionWatch } from '../../services/auditor/detect/version-watch.js';
import { seededRandom } from '../../services/mesh/random.js';
import type { Seeded } from '../../services/onnx/seeded.js';
import { openSession } from '../../services/onnx/session.js';
import type { TapCost } from '../../services/onnx/tap/verify.js';
import { floatValues } from '../../services/onnx/tensor.js';
import { textLines } from '../compress-models/large.js';
import { ocrRecogniser } from '../../services/onnx/testing/real-models.js';

const HEIGHT = 48;
/** Part of the line that is looked at, at a random place. */
const WIDTH = 96;

export interface LineFigures {
  readonly tap: string;
  readonly chosen: string;
  readonly cost: TapCost;
  readonly outputsDiffer: number;
  readonly told: readonly {
    readonly family: string;
    readonly kind: 'near' | 'far';
    readonly msp: number;
    readonly chosen: number;
  }[];
}

export async function lineFigures(
  letters: readonly Float32Array[] | undefined,
  size: { reference: number; abnormal: number },
  random: Seeded,
): Promise<LineFigures> {
  const lines = croppedLines(2 * size.reference + size.abnormal, random);
  const [fit, clean, stream] = [
    lines.slice(0, size.reference),
    lines.slice(size.reference, 2 * size.reference),
    lines.slice(2 * size.reference),
  ];
  const chance = seededRandom(3);
  const few = fit.slice(0, Math.min(60, size.abnormal));
  const onboarded = await onboard({
    version: '1'.repeat(64),
    model: ocrRecogniser(),
    input: 'x',
    shape: [3, HEIGHT, WIDTH],
    batch: 1,
    output: 'softmax_11.tmp_0',
    kind: 'probabilities',
    fit,
    clean,
    families: Object.fromEntries(
      SURROGATES.map((kind) => [
        kind,
        few.map((line, i) => surrogate(kind, line, fit.at(-1 - i) ?? line, chance)),
      ]),
    ),
  });
  const { baseline, source, tapped, cost, proof } = onboarded;
  await using session = await openSession(tapped);
  const watch = new VersionWatch(baseline);
  const scores = async (inputs: readonly Float32Array[]) =>
    (await modelRows({ ...source, session }, inputs)).map((row) => watch.scores(row));
  const normal = await scores(stream);
  const told: LineFigures['told'][number][] = [];
  for (const { family, kind, inputs } of families(stream, letters, random)) {
    const found = await scores(inputs);
    const of = (name: string) =>
      auroc(
        normal.map((row) => row[name] ?? 0),
        found.map((row) => row[name] ?? 0),
      );
    told.push({ family, kind, msp: of('msp'), chosen: of(baseline.chosen) });
  }
  return {
    tap: baseline.tap?.value ?? '',
    chosen: baseline.chosen,
    cost,
    outputsDiffer: proof.outputs,
    told,
  };
}

function croppedLines(count: number, random: Seeded): Float32Array[] {
  return textLines(count).map(({ x }) => {
    const values = x === undefined ? new Float32Array(0) : floatValues(x);
    const width = x?.dims[3] ?? WIDTH;
    const from = Math.floor(random.uniform() * (width - WIDTH));
    return Float32Array.from(
      { length: 3 * HEIGHT * WIDTH },
      (_, i) => values[Math.floor(i / WIDTH) * width + from + (i % WIDTH)] ?? 0,
    );
  });
}

function families(
  lines: readonly Float32Array[],
  letters: readonly Float32Array[] | undefined,
  random: Seeded,
) {
  const each = (family: string, kind: 'near' | 'far', make: (line: Float32Array) => Float32Array) => ({
    family,
    kind,
    inputs: lines.map(make),
  });
  return [
    each('uniform noise', 'far', (line) => line.map(() => 2 * random.uniform() - 1)),
    each('constant', 'far', (line) => {
      const level = 2 * random.uniform() - 1;
      return line.map(() => level);
    }),
    each('upside down', 'near', (line) =>
      line.map(
        (_, i) => line[i - (i % (HEIGHT * WIDTH)) + (HEIGHT * WIDTH - 1 - (i % (HEIGHT * WIDTH)))] ?? 0,
      ),
    ),
    each('noise of 1 added', 'near', (line) => line.map((value) => value + random.normal())),
    ...(letters === undefined ? [] : [each('row of notMNIST', 'near', () => letterRow(letters, random))]),
  ];
}

/** Two letters side by side, dark on light as the lines are, each 48 x 48. */
function letterRow(letters: readonly Float32Array[], random: Seeded): Float32Array {
  const own = Array.from(
    { length: WIDTH / HEIGHT },
    () => letters[Math.floor(random.uniform() * letters.length)],
  );
  return Float32Array.from({ length: 3 * HEIGHT * WIDTH }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH) % HEIGHT];
    const at = (part: number) => Math.min(27, Math.floor((part * 28) / HEIGHT));
    return 1 - 2 * (own[Math.floor(x / HEIGHT)]?.[at(y) * 28 + at(x % HEIGHT)] ?? 0);
  });
}
