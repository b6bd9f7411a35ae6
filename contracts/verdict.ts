// What the auditor thinks of each version that answers, and what it did about it. Told on `massif.events.verdict` whenever it changes, and
// answered to `massif verdicts`.
import { z } from 'zod';
import { Judgement } from './detection.js';
import { Digest, EndpointName, Label, ModelName } from './names.js';

/** `told`: people and programs were. `stopped`: signed orders ended its engines. `spared`: it would be stopped, but for what `note` says. */
export const VerdictAct = z.enum(['told', 'stopped', 'spared']);
export type VerdictAct = z.infer<typeof VerdictAct>;

export const VerdictNotice = z.object({
  model: ModelName,
  label: Label,
  version: Digest,
  at: z.iso.datetime(),
  judgement: Judgement,
  /** Requests that it was seen on, newest first. */
  requestIds: z.array(z.string().max(128)).max(16),
  act: VerdictAct,
  note: z.string().max(500),
});
export type VerdictNotice = z.infer<typeof VerdictNotice>;

export const WatchedState = z.object({
  model: ModelName,
  label: Label,
  version: Digest,
  /** Without: only broken answers are seen. */
  hasBaseline: z.boolean(),
  /** Requests whose hidden features were followed too. */
  tapped: z.int().min(0),
  /** Told to this auditor. */
  answered: z.int().min(0),
  /** Of these, not looked at. */
  leftOut: z.int().min(0),
  /** Given while no auditor listened, or in reports that were lost; of engines that told of an answer since. */
  unheard: z.int().min(0),
  judgement: Judgement,
  /** Of the last notice. */
  last: VerdictNotice.optional(),
});
export type WatchedState = z.infer<typeof WatchedState>;

export const VerdictsReply = z.object({ since: z.iso.datetime(), versions: z.array(WatchedState) });
export type VerdictsReply = z.infer<typeof VerdictsReply>;

/** Who would answer if a version were withheld: by endpoint, the label of another arm or of the last good version; null for nobody. */
export const SuccessorReply = z.object({
  endpoints: z.array(z.object({ endpoint: EndpointName, successor: Label.nullable() })),
});
export type SuccessorReply = z.infer<typeof SuccessorReply>;
