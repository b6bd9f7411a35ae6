// Detection and fraud on digits and on lines of text: how well scores tell what is not normal, how seldom the detectors cry wolf, how soon they
// see a change, what only the tap sees, and who is caught copying.
import type { Judgement } from '../contracts/detection.js';
import { auroc } from '../services/auditor/detect/auroc.js';
import { meanOf } from '../services/auditor/detect/choose-score.js';
import { outputFaults } from '../services/mesh/observing/output-faults.js';
import { modelRows, type RowSource } from '../services/auditor/detect/model-rows.js';
import { type Onboarded, onboard } from '../services/auditor/detect/onboard.js';
import type { Row } from '../services/auditor/detect/scores.js';
import { SURROGATES, surrogate } from '../services/auditor/detect/surrogates.js';
import { VersionWatch } from '../services/auditor/detect/version-watch.js';
import { seededRandom } from '../services/mesh/random.js';
import { magnitudes } from '../services/onnx/prune/saliency.js';
import { sparsify } from '../services/onnx/prune/sparsify.js';
import { toFloat16 } from '../services/onnx/quantize/float16.js';
import { seeded, type Seeded } from '../services/onnx/seeded.js';
import { openSession } from '../services/onnx/session.js';
import type { TapCost } from '../services/onnx/tap/verify.js';
import { tuned } from '../services/onnx/training/tune.js';
import { digitsNetwork } from './compress-models/digits.js';
import { FAMILIES } from './detect/abnormal.js';
import { adversarial, hiddenShift, swappedLabels } from './detect/attacks.js';
import { extractionFigures, likenesses, probeFigures, type Seen } from './detect/fraud-figures.js';
import { detectImages, type DetectImages } from './detect/images.js';
import { type LineFigures, lineFigures } from './detect/lines.js';
import { InputGradient } from './detect/input-gradient.js';
import { delayBySource, falseAlarms, meanDelay, scored } from './detect/stream-figures.js';
import { type Aim, type Benchmark, round } from './report.js';

interface Form {
  readonly steps: number;
  /** Digits of the reference and of the stream. */
  readonly reference: number;
  readonly abnormal: number;
  readonly clean: number;
  readonly rounds: number;
  readonly keys: number;
  readonly queries: number;
}
const FORMS: Readonly<Record<'ci' | 'quick' | 'full', Form>> = {
  ci: { steps: 30, reference: 600, abnormal: 100, clean: 5_000, rounds: 3, keys: 2, queries: 50 },
  quick: {
    steps: 400,
    reference: 5_000,
    abnormal: 600,
    clean: 1_000_000,
    rounds: 100,
    keys: 100,
    queries: 500,
  },
  full: {
    steps: 1_200,
    reference: 5_000,
    abnormal: 2_000,
    clean: 3_000_000,
    rounds: 300,
    keys: 1_000,
    queries: 1_000,
  },
};

const VERSION = '0'.repeat(64);
const about = {
  input: 'image',
  shape: [1, 28, 28],
  output: 'probabilities',
  kind: 'probabilities',
  batch: 100,
} as const;

export const benchmark: Benchmark = async ({ form, seed }) => {
  const size = FORMS[form];
  const random = seeded(seed);
  const images = await detectImages(seed, size.reference);
  const train = (from: number) =>
    tuned(digitsNetwork(from), images.batches, { steps: size.steps, rate: 2e-3, threads: 2 });
  const model = await train(seed);
  const onboarded = await onboarding(model, images, size);
  const { baseline, cost, proof, layers } = onboarded;
  console.log(
    `Reference and stream: ${images.reference.length} and ${images.stream.length} ${images.heldOut}.`,
  );
  if (images.letters === undefined) console.log('notMNIST skipped: ../shared/data has no such file.');
  console.table(
    layers.map(({ value, width, auroc: found }) => ({
      layer: value,
      width,
      'best score, mean AUROC': round(found),
    })),
  );
  console.log(
    `Tapped: ${baseline.tap?.value}; outputs differ by ${proof.outputs}, p50 x ${round(cost.unfetched)}, x ${round(cost.fetched)} where the auditor looks; chosen score: ${baseline.chosen}.`,
  );

  console.table(
    baseline.choice.map(({ score, auroc: found }) => ({
      score,
      ...Object.fromEntries(
        Object.entries(found).map(([family, value]) => [family, Math.round(1_000 * value) / 1_000]),
      ),
    })),
  );
  await using session = await openSession(onboarded.tapped);
  const rowsOf = (inputs: readonly Float32Array[]) => modelRows({ ...onboarded.source, session }, inputs);
  await using gradient = await InputGradient.of(model, 100);
  const stream = await rowsOf(images.stream);
  const abnormal = await abnormalInputs(images, size, gradient, random);
  const told = await tellingTable(onboarded, stream, abnormal, rowsOf);

  const clean = scored(baseline, stream);
  const alarms = falseAlarms(baseline, clean, size.clean, random);
  const delays = [2, 1, 0.5].map((shift) => ({
    shift,
    delay: meanDelay(baseline, clean, shift, size.rounds, random),
  }));
  console.log(
    `${alarms.alarms} alarms in ${size.clean} clean requests; delays ${delays.map(({ shift, delay }) => `${round(delay)} at ${shift}`).join(', ')}.`,
  );
  const faults = await faultFigures(onboarded, images);
  const tamperings = await tamperingTable(onboarded, images, size, train, random);
  const fraud = await fraudPart(onboarded, {
    model,
    other: tamperings.other,
    images,
    stream,
    size,
    random,
    gradient,
  });
  const lines =
    form === 'full' ? await lineFigures(images.letters, { reference: 500, abnormal: 60 }, random) : undefined;
  if (lines !== undefined) {
    console.log(
      `Lines of text: tapped ${lines.tap}, outputs differ by ${lines.outputsDiffer}, p50 x ${round(lines.cost.unfetched)}, x ${round(lines.cost.fetched)} where the auditor looks; chosen score: ${lines.chosen}.`,
    );
    console.table(lines.told.map((row) => ({ ...row, msp: round(row.msp), chosen: round(row.chosen) })));
  }
  return {
    results: {
      heldOut: images.heldOut,
      layers,
      tap: baseline.tap?.value,
      cost,
      proof,
      chosen: baseline.chosen,
      choice: baseline.choice,
      told,
      alarms,
      delays,
      faults,
      tamperings: tamperings.table,
      fraud,
      lines,
    },
    aims: aimsOf({
      told,
      alarms,
      delays,
      faults,
      tamperings: tamperings.table,
      fraud,
      cost,
      lines,
    }),
  };
};

/** What a publisher has: training images for the features, held-out ones for the ranks, surrogates to choose by. */
function onboarding(model: Uint8Array, images: DetectImages, size: Form): Promise<Onboarded> {
  const chance = seededRandom(7);
  const families = Object.fromEntries(
    SURROGATES.map((kind) => [
      kind,
      images.training
        .slice(0, Math.min(300, size.abnormal))
        .map((image, i) => surrogate(kind, image, images.training.at(-1 - i) ?? image, chance)),
    ]),
  );
  const fit = images.training.slice(0, size.reference);
  return onboard({ ...about, version: VERSION, model, fit, clean: images.reference, families });
}

interface AbnormalFamily {
  readonly name: string;
  readonly kind: 'near' | 'far' | 'attack';
  readonly inputs: readonly Float32Array[];
}

async function abnormalInputs(
  images: DetectImages,
  size: Form,
  gradient: InputGradient,
  random: Seeded,
): Promise<AbnormalFamily[]> {
  const from = images.stream.slice(0, size.abnormal);
  const attack = (strength: number, target: boolean) =>
    adversarial(gradient, from, { size: strength, steps: 10, target });
  return [
    ...FAMILIES.map(({ name, kind, make }) => ({
      name,
      kind,
      inputs: from.map((image) => make(image, random)),
    })),
    ...(images.letters === undefined
      ? []
      : [{ name: 'notMNIST', kind: 'near' as const, inputs: images.letters.slice(0, size.abnormal) }]),
    { name: 'adversarial 0.1, away', kind: 'attack', inputs: await attack(0.1, false) },
    { name: 'adversarial 0.2, to a class', kind: 'attack', inputs: await attack(0.2, true) },
  ];
}

type Told = {
  family: string;
  kind: string;
  msp: number;
  chosen: number;
  best: string;
  [score: string]: number | string;
};

/** AUROC of every score and family. Inputs' statistics count by how far they lie off the middle, either way. */
async function tellingTable(
  { baseline }: Onboarded,
  stream: readonly Row[],
  families: readonly AbnormalFamily[],
  rowsOf: (inputs: readonly Float32Array[]) => Promise<Row[]>,
): Promise<Told[]> {
  const watch = new VersionWatch(baseline);
  const table = (rows: readonly Row[]) =>
    rows.map((row) => {
      const scores = watch.scores(row);
      const deviations = watch.deviations(scores);
      return baseline.streams.map(({ name, source }, i) =>
        source === 'input' ? -Math.abs(deviations[i] ?? 0) : (scores[name] ?? 0),
      );
    });
  const clean = table(stream.slice(0, 2_000));
  const told: Told[] = [];
  for (const { name, kind, inputs } of families) {
    const rows = table(await rowsOf(inputs));
    const figures = baseline.streams.map(
      (ranks, i) =>
        [
          ranks.name,
          auroc(
            clean.map((row) => row[i] ?? 0),
            rows.map((row) => row[i] ?? 0),
          ),
        ] as const,
    );
    const of = Object.fromEntries(figures);
    const [best] = figures.toSorted((a, b) => b[1] - a[1])[0] ?? [''];
    told.push({ family: name, kind, msp: of['msp'] ?? 0, chosen: of[baseline.chosen] ?? 0, best, ...of });
  }
  console.table(
    told.map(({ family, kind, best, ...figures }) => ({
      family,
      kind,
      ...Object.fromEntries(
        Object.entries(figures).map(([k, v]) => [k, Math.round(1000 * Number(v)) / 1000]),
      ),
      best,
    })),
  );
  return told;
}

/** Requests until a broken version is called abnormal. */
async function faultFigures({ baseline, source, tapped }: Onboarded, images: DetectImages) {
  await using session = await openSession(tapped);
  const [row] = await modelRows({ ...source, session }, images.stream.slice(0, 1));
  const shape = [1, row?.logits.length ?? 0];
  const expected = [{ name: source.output, datatype: 'FP32', shape }];
  const until = (answer: { shape: readonly number[]; values: readonly number[] }): number => {
    const watch = new VersionWatch(baseline);
    for (let i = 1; i <= 100; i++) {
      const found: Judgement = watch.see({
        input: images.stream[i] ?? [],
        logits: answer.values,
        faults: outputFaults(expected, [{ name: source.output, datatype: 'FP32', ...answer }]),
        ...(row?.feature === undefined ? {} : { feature: row.feature }),
        inputDigest: `${i}`,
        outputDigest: answer.values.join(),
      });
      if (found.verdict === 'abnormal') return i;
    }
    return Infinity;
  };
  const values = Array.from(row?.logits ?? []);
  return {
    'not a number': until({ shape, values: values.map(() => Number.NaN) }),
    'wrong shape': until({ shape: [values.length], values }),
    'constant output': until({ shape, values }),
  };
}

interface TamperingRow {
  readonly family: string;
  readonly input: number;
  readonly output: number;
  readonly intermediate: number;
}

async function tamperingTable(
  { baseline, source, tapped }: Onboarded,
  images: DetectImages,
  size: Form,
  train: (seed: number) => Promise<Uint8Array>,
  random: Seeded,
) {
  const other = size.steps < 100 ? digitsNetwork(77) : await train(77);
  const otherTapped = (await onboarding(other, images, { ...size, reference: 600, abnormal: 50 })).tapped;
  const rows = async (bytes: Uint8Array, from: Omit<RowSource, 'session'> = source): Promise<Row[]> => {
    await using session = await openSession(bytes);
    return await modelRows({ ...from, session }, images.stream.slice(0, 2_000));
  };
  const families: Record<string, readonly Row[]> = {
    'labels swapped in the head': await rows(swappedLabels(tapped, random)),
    'hidden shift that the head does not see': await rows(hiddenShift(tapped, random)),
    ...(size.steps < 100 ? {} : { 'another network behind the name': await rows(otherTapped) }),
  };
  const table: TamperingRow[] = Object.entries(families).map(([family, attack]) => ({
    family,
    ...delayBySource(baseline, scored(baseline, attack), 21, 1_000, random),
  }));
  console.log('Requests until the alarm, median; each source watched alone, at most 1,000:');
  console.table(table);
  return { table, other };
}

interface FraudParts {
  readonly model: Uint8Array;
  readonly other: Uint8Array;
  readonly images: DetectImages;
  readonly stream: readonly Row[];
  readonly size: Form;
  readonly random: Seeded;
  readonly gradient: InputGradient;
}

async function fraudPart(
  onboarded: Onboarded,
  { model, other, images, stream, size, random, gradient }: FraudParts,
) {
  const { baseline, source, tapped } = onboarded;
  await using session = await openSession(tapped);
  const rowsOf = (inputs: readonly Float32Array[]) => modelRows({ ...source, session }, inputs);
  const place = (name: string) => baseline.streams.findIndex((ranks) => ranks.name === name);
  const [novel, narrow] = [place(baseline.chosen), place('margin')];
  const seen = (rows: readonly Row[]): Seen[] =>
    scored(baseline, rows).map(({ deviations }, i) => ({
      row: rows[i] as Row,
      novelty: deviations[novel] ?? 0,
      margin: deviations[narrow] ?? 0,
    }));
  const seeds = images.stream.slice(0, Math.min(100, images.stream.length));
  const copies = 10 * size.queries;
  const from = (i: number) => seeds[i % seeds.length] as Float32Array;
  const jacobian: Float32Array[] = [...seeds];
  for (let step = 0; jacobian.length < Math.min(copies, 5_000); step++) {
    const slopes = await gradient.climb(jacobian.slice(-seeds.length), (logits) =>
      Float32Array.from(logits, (z) => (z === Math.max(...logits) ? -1 : 0)),
    );
    jacobian.push(
      ...slopes.map((slope, i) =>
        (jacobian.at(-seeds.length + i) ?? from(i)).map((value, k) =>
          Math.min(1, Math.max(0, value + 0.1 * Math.sign(slope[k] ?? 0))),
        ),
      ),
    );
  }
  const made = (make: (i: number) => Float32Array) =>
    Array.from({ length: Math.min(copies, 5_000) }, (_, i) => make(i));
  const attacks: Record<string, Float32Array[]> = {
    'uniform noise': made(() => Float32Array.from({ length: 784 }, () => random.uniform())),
    'steps along the gradient': jacobian,
    'jitter around 100 digits': made((i) =>
      from(i).map((value) => Math.min(1, Math.max(0, value + 0.1 * random.normal()))),
    ),
    ...(images.letters === undefined ? {} : { letters: [...images.letters] }),
    'mixtures of two digits': made((i) =>
      from(i).map((value, k) => (value + (images.stream[(i * 31 + 7) % images.stream.length]?.[k] ?? 0)) / 2),
    ),
  };
  const rows: Record<string, Seen[]> = {};
  for (const [name, inputs] of Object.entries(attacks)) rows[name] = seen(await rowsOf(inputs));
  const extraction = extractionFigures(
    seen(await rowsOf(images.reference)),
    seen(stream),
    rows,
    size,
    random,
  );
  console.log(
    `Extraction: ${extraction.benign.flagged} of ${extraction.benign.keys} honest keys flagged (${extraction.benign.queries} queries each); ten keys together after ${extraction.sybil}.`,
  );
  console.table(
    Object.entries(extraction.attacks).map(([attack, queries]) => ({
      attack,
      'queries until flagged': queries.map((n) => n ?? 'never').join(', '),
    })),
  );
  const pruned = (share: number) => sparsify(model, magnitudes(model), share).model;
  const retuned = await tuned(model, images.batches, { steps: 10, rate: 1e-4 });
  const alike = likenesses(model, {
    itself: model,
    '20 % pruned': pruned(0.2),
    '30 % pruned': pruned(0.3),
    'ten steps of tuning': retuned,
    'another seed': other,
  });
  const half = toFloat16(model).model;
  const answers = async (bytes: Uint8Array): Promise<Row[]> => {
    await using one = await openSession(bytes);
    return await modelRows({ ...about, session: one }, images.reference.slice(0, 500));
  };
  const probes = probeFigures(
    {
      registered: await answers(model),
      'float16 of it': await answers(half),
      'ten steps of tuning': await answers(retuned),
      'another seed': await answers(other),
    },
    'registered',
    'float16 of it',
    1e-5,
  );
  console.table(alike);
  console.table(probes);
  return { extraction, alike, probes };
}

interface Figures {
  readonly told: readonly Told[];
  readonly alarms: { readonly per100k: number };
  readonly delays: readonly { readonly shift: number; readonly delay: number }[];
  readonly faults: Readonly<Record<string, number>>;
  readonly tamperings: readonly TamperingRow[];
  readonly fraud: Awaited<ReturnType<typeof fraudPart>>;
  readonly cost: TapCost;
  readonly lines: LineFigures | undefined;
}

function aimsOf({ told, alarms, delays, faults, tamperings, fraud, cost, lines }: Figures): Aim[] {
  const of = (kind: string) => told.filter((row) => row.kind === kind);
  const mean = (kind: string) =>
    meanOf(Object.fromEntries(of(kind).map(({ family, chosen }) => [family, chosen])));
  const behind = Math.max(...[...of('near'), ...of('far')].map(({ msp, chosen }) => msp - chosen));
  const onlyTap = tamperings.filter(
    ({ input, output, intermediate }) => intermediate <= 1_000 && input > 1_000 && output > 1_000,
  );
  const { benign, attacks } = fraud.extraction;
  const slowest = Math.max(...Object.values(attacks).flatMap((keys) => keys.map((n) => n ?? Infinity)));
  const bounds = new Map([
    [2, 10],
    [1, 30],
    [0.5, 100],
  ]);
  const text = (kind: 'near' | 'far') => {
    const found = lines?.told.filter((row) => row.kind === kind) ?? [];
    return meanOf(Object.fromEntries(found.map(({ family, chosen }) => [family, chosen])));
  };
  const ofLines: Aim[] =
    lines === undefined
      ? []
      : [
          { name: 'lines of text, AUROC far', value: text('far'), unit: '', aim: 0.95, op: '>=' },
          { name: 'lines of text, AUROC near', value: text('near'), unit: '', aim: 0.9, op: '>=' },
        ];
  return [
    ...ofLines,
    { name: 'AUROC far, chosen score', value: mean('far'), unit: '', aim: 0.95, op: '>=' },
    { name: 'AUROC near, chosen score', value: mean('near'), unit: '', aim: 0.9, op: '>=' },
    { name: 'chosen below max-softmax, worst family', value: behind, unit: '', aim: 0.01, op: '<=' },
    { name: 'alarms per 100k clean requests', value: alarms.per100k, unit: '', aim: 1, op: '<=' },
    ...delays.map(({ shift, delay }) => ({
      name: `mean delay at ${shift} sigma`,
      value: delay,
      unit: 'requests',
      aim: bounds.get(shift) ?? 0,
      op: '<=' as const,
    })),
    {
      name: 'faults seen, slowest',
      value: Math.max(...Object.values(faults)),
      unit: 'requests',
      aim: 3,
      op: '<=',
    },
    { name: 'tampering that only the tap sees', value: onlyTap.length, unit: 'families', aim: 2, op: '>=' },
    { name: 'p50 with taps, as served', value: cost.unfetched, unit: 'x', aim: 1.02, op: '<=' },
    { name: 'extraction flagged, slowest key', value: slowest, unit: 'queries', aim: 1_000, op: '<=' },
    { name: 'honest keys flagged', value: benign.flagged / benign.keys, unit: '', aim: 0.001, op: '<=' },
  ];
}
