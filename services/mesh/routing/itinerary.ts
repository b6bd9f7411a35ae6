// What a run message of a pipeline says of its way: the plan, the replica of each step, and which step is next; and the token of
// each step's reply subject, so that "no responders" and failures say which step they are of. Whoever routes writes it first,
// engines write it on. Callers of `massif.infer` cannot: the router takes none of their headers over.
import { headers } from '../../../contracts/headers.js';
import { PipelinePlan, type PipelineRecord } from '../../../contracts/pipeline.js';
import { headerLine } from '../header-block.js';

const texts = new WeakMap<PipelineRecord, string>();

/** The plan as JSON; made once for each revision. */
export function planText(pipeline: PipelineRecord): string {
  const known = texts.get(pipeline);
  if (known !== undefined) return known;
  const text = JSON.stringify(PipelinePlan.parse(pipeline));
  texts.set(pipeline, text);
  return text;
}

export const itineraryLines = (plan: string, hops: string, step: number): string =>
  headerLine(headers.plan, plan) + headerLine(headers.hops, hops) + headerLine(headers.step, step);

/** `17` is the token of an attempt, `17-2` that of its step 2. */
export const stepToken = (token: string, step: number): string => `${token}-${step}`;

export function readToken(word: string): { readonly token: string; readonly step: number } {
  const dash = word.indexOf('-');
  if (dash < 0) return { token: word, step: 0 };
  return { token: word.slice(0, dash), step: Number(word.slice(dash + 1)) };
}
