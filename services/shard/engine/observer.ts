// Tells the auditor what a replica answers: statistics of the inputs, the first row of the outputs, what is wrong with them. Answers are
// given first; a bounded number of them is looked at afterwards, and what is left out is counted. The replica shows it every answer.
import { createHash } from 'node:crypto';
import { lengthOf } from '../../../contracts/blob-tensor.js';
import {
  type ObservationReport,
  OBSERVED_MAX,
  type ObservedRequest,
  ROW_MAX,
} from '../../../contracts/observation.js';
import type { Tensor } from '../../../contracts/tensor.js';
import { toBlob } from '../../../contracts/tensor.js';
import type { TensorSpec } from '../../../contracts/tensor-spec.js';
import type { Clock } from '../../mesh/clock.js';
import { inputStatistics } from '../../mesh/observing/input-statistics.js';
import { projected } from '../../mesh/observing/projection.js';
import { outputFaults } from '../../mesh/observing/output-faults.js';

export interface ObserverParts {
  readonly about: Pick<ObservationReport, 'region' | 'replica' | 'model' | 'label' | 'version' | 'life'>;
  readonly outputs: readonly TensorSpec[];
  readonly publish: (report: ObservationReport) => void;
  readonly clock: Pick<Clock, 'after'>;
  /** Sees every answer too, and keeps some of them whole. */
  readonly sampler?: { readonly wants: boolean; see(answer: Answered): void; tell(): void };
}

export interface Answered {
  readonly requestId: string;
  /** Key and tenant; '' where nobody said. */
  readonly caller?: string;
  /** 0: not in rows. */
  readonly rows: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Hidden values that the auditor asked for: FP32, rows first. */
  readonly taps: readonly Tensor[];
}

const EVERY_MS = 250;
/** Looking at a number costs about 5 ns: a report costs a few milliseconds at most. */
const NUMBERS_MAX = 256 * 1_024;
const TENSORS_MAX = 8;
/** Numbers of taps in a report: beyond it requests go without theirs, so that a report stays one message. */
const TAPPED_MAX = 32 * 1_024;

export class Observer {
  private unseen: Answered[] = [];
  private seen: ObservedRequest[] = [];
  private numbers = 0;
  private tapped = 0;
  private answered = 0;
  private total = 0;
  private looking = false;
  private stop: (() => void) | undefined;

  constructor(private readonly parts: ObserverParts) {}

  /** False: the next answer will be counted alone. */
  get hasRoom(): boolean {
    return this.unseen.length + this.seen.length < OBSERVED_MAX && this.numbers < NUMBERS_MAX;
  }

  /** False: of the next answer nothing is kept, and passed() is all that need be said of it. */
  get wants(): boolean {
    return this.hasRoom || this.parts.sampler?.wants === true;
  }

  /** An answer that nothing is kept of. */
  passed(): void {
    this.answered++;
    this.total++;
    this.stop ??= this.parts.clock.after(EVERY_MS, () => this.report());
  }

  /** Looks at nothing yet: the caller of the next request is waiting. */
  see(answer: Answered): void {
    this.passed();
    this.parts.sampler?.see(answer);
    if (!this.hasRoom) return;
    let size = 0;
    for (const input of answer.inputs) size += lengthOf(input);
    for (const { data } of answer.outputs) size += data.length;
    if (this.numbers + size > NUMBERS_MAX) return;
    this.numbers += size;
    this.unseen.push(answer);
    this.lookSoon();
  }

  /** What was kept goes out now; nothing where nothing was answered. */
  report(): void {
    this.parts.sampler?.tell();
    this.stop?.();
    this.stop = undefined;
    while (this.unseen.length > 0) this.look();
    const { seen: requests, answered, total, parts } = this;
    if (answered === 0) return;
    [this.seen, this.numbers, this.tapped, this.answered] = [[], 0, 0, 0];
    parts.publish({ ...parts.about, total, answered, leftOut: answered - requests.length, requests });
  }

  /** One in a turn of the event loop, after its answer has left: all of a report at once would be in a request's way. */
  private lookSoon(): void {
    if (this.looking || this.unseen.length === 0) return;
    this.looking = true;
    setImmediate(() => {
      this.looking = false;
      this.look();
      this.lookSoon();
    });
  }

  private look(): void {
    const one = this.unseen.shift();
    if (one === undefined) return;
    const taps = rowsOfTaps(one);
    this.tapped += Object.values(taps).reduce((sum, { length }) => sum + length, 0);
    const told = this.tapped > TAPPED_MAX ? {} : packed(taps);
    this.seen.push({ ...observed(one, this.parts.outputs), taps: told });
  }
}

function observed(
  { requestId, caller = '', rows, inputs, outputs }: Answered,
  specs: readonly TensorSpec[],
): Omit<ObservedRequest, 'taps'> {
  const statistics: Record<string, Record<string, number>> = {};
  let vector: string | undefined;
  let ordinary = true;
  for (const input of inputs.slice(0, TENSORS_MAX)) {
    const values = floatsOf(input);
    if (values === undefined) continue;
    const found = inputStatistics(firstRow(values, rows));
    if (Object.values(found).every(Number.isFinite)) statistics[input.name] = found;
    if (caller !== '') vector ??= base64(projected(firstRow(values, rows)));
    // Other rows count as well: one that is no number may spoil them all.
    if (!values.every(isOrdinary)) ordinary = false;
  }
  const said: Record<string, string> = {};
  for (const output of outputs.slice(0, TENSORS_MAX)) {
    const values = floatsOf(output);
    const row = values && firstRow(values, rows);
    if (row && row.length <= ROW_MAX) said[output.name] = base64(row);
  }
  const seen = outputs.map((one) => ({ ...one, values: floatsOf(one) ?? { length: one.data.length } }));
  const faults = outputFaults(
    specs.filter(({ name }) => seen.some((one) => one.name === name)),
    seen,
  );
  const digests = { inputDigest: digestOf(inputs), outputDigest: digestOf(outputs) };
  const who = caller === '' ? {} : { caller, ...(vector !== undefined && { vector }) };
  return { requestId, ...who, ordinary, inputs: statistics, outputs: said, faults, ...digests };
}

/** The first row of each. */
const rowsOfTaps = ({ taps }: Answered): Record<string, Float32Array> =>
  Object.fromEntries(
    taps.map(({ name, shape, data }) => {
      const values = data as Float32Array;
      return [name, values.subarray(0, values.length / Math.max(1, shape[0] ?? 1))];
    }),
  );

const packed = (rows: Readonly<Record<string, Float32Array>>): Record<string, string> =>
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, base64(row)]));

const base64 = (row: Float32Array | Float64Array): string =>
  Buffer.from(toBlob(Float32Array.from(row))).toString('base64');

/** Far beyond what a model is fed with, and its sums would still be numbers. */
const ORDINARY_MAX = 1e9;
const isOrdinary = (value: number): boolean => Math.abs(value) <= ORDINARY_MAX;

const floatsOf = ({ data }: Tensor): Float32Array | Float64Array | undefined =>
  data instanceof Float32Array || data instanceof Float64Array ? data : undefined;

const firstRow = <T extends Float32Array | Float64Array>(values: T, rows: number): T =>
  (rows > 1 && values.length % rows === 0 ? values.subarray(0, values.length / rows) : values) as T;

function digestOf(tensors: readonly Tensor[]): string {
  const hash = createHash('sha1');
  for (const { data } of tensors) hash.update(toBlob(data));
  return hash.digest('base64').slice(0, 16);
}
