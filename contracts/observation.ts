// What an engine tells of the answers that it gave: the raw material of detection, never a whole request. Four times a second at most, so many
// requests at most; what was left out is counted. The auditor listens.
import { z } from 'zod';
import { Fault, StreamName } from './detection.js';
import { Digest, Label, ModelName, RegionName } from './names.js';

/** Requests that a report holds at most. */
export const OBSERVED_MAX = 16;
/** Numbers of one output's first row that travel; what has more is described by its faults and digest alone. */
export const ROW_MAX = 1_024;
/** The same of a tap: class scores of a text recogniser have 6,625. */
export const TAP_ROW_MAX = 65_536;
const TENSORS_MAX = 8;

export const ObservedRequest = z.object({
  requestId: z.string().max(128),
  /** Key and tenant, where a gateway knew them, and then a map of the first input's first row that keeps distances: little-endian float32, base64. */
  caller: z.string().max(129).optional(),
  vector: z.base64().max(256).optional(),
  /** False where an input held what is no number: then the answer's faults are the caller's. */
  ordinary: z.boolean(),
  /** By input: statistics of the numbers of its first row. */
  inputs: z.record(z.string().max(256), z.record(StreamName, z.number())).refine(isSmall),
  /** By output: its first row as little-endian float32, base64. */
  outputs: z.record(z.string().max(256), z.base64().max(ROW_MAX * 6)).refine(isSmall),
  /** By tap: the same of hidden values, where the version is served with taps. */
  taps: z
    .record(z.string().max(256), z.base64().max(TAP_ROW_MAX * 6))
    .refine(isSmall)
    .default({}),
  faults: z.array(Fault).max(8),
  inputDigest: z.string().max(64),
  outputDigest: z.string().max(64),
});
export type ObservedRequest = z.infer<typeof ObservedRequest>;

export const ObservationReport = z.object({
  region: RegionName,
  replica: z.string().max(128),
  model: ModelName,
  label: Label,
  version: Digest,
  /** One life of one replica in one engine: another life counts anew. */
  life: z.string().min(1).max(64),
  /** Answers of this life with those of this report, so that reports that nobody heard are counted by the next. */
  total: z.int().min(0),
  /** Answers since the last report, and how many of them are not in it. */
  answered: z.int().min(0),
  leftOut: z.int().min(0),
  requests: z.array(ObservedRequest).max(OBSERVED_MAX),
});
export type ObservationReport = z.infer<typeof ObservationReport>;

function isSmall(record: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(record).length <= TENSORS_MAX;
}
