// Reads the way of a pipeline's request from its headers. Whoever may publish to run subjects may send one, so it is a stranger's:
// it names replicas and nothing else, its steps only go forward and have an end, and its functions are ours.
import { z } from 'zod';
import { type Failure, failure, inStep } from '../../../contracts/errors.js';
import { PLAN_BYTES_MAX, PipelinePlan, STEPS_MAX } from '../../../contracts/pipeline.js';
import type { RunHeaders } from './run-headers.js';

export interface Itinerary {
  readonly plan: PipelinePlan;
  /** As it came: it goes on unchanged. */
  readonly planText: string;
  /** Ids of replicas, one a step. */
  readonly hops: readonly string[];
  readonly at: number;
}

const REPLICA = /^[a-z][a-z0-9-]{0,63}_[0-9a-f]{12}$/;
const KEPT_PLANS_MAX = 32;
/** A plan is the same for all requests of a revision: reading it once saves a tenth of a millisecond for each of the others. */
const plans = new Map<string, PipelinePlan>();

export function readItinerary({ plan: planText, hops: hopsText, step }: RunHeaders): Itinerary {
  const plan = readPlan(planText);
  const hops = hopsText.split(' ', STEPS_MAX + 1);
  if (hops.length !== plan.steps.length || !hops.every((hop) => REPLICA.test(hop)))
    throw failure(
      'BAD_REQUEST',
      `The pipeline has ${plan.steps.length} steps; its way must name a replica for each.`,
    );
  if (step >= hops.length) throw failure('BAD_REQUEST', `The pipeline has no step of the number ${step}.`);
  return { plan, planText, hops, at: step };
}

/** A failure of a pipeline's request, by the name of its step where the plan can be read. */
export function inStepOf(headers: RunHeaders, error: Failure): Failure {
  if (headers.plan === '') return error;
  const step = plans.get(headers.plan)?.steps[headers.step];
  return inStep(error, step?.name ?? `number ${headers.step}`);
}

function readPlan(text: string): PipelinePlan {
  const known = plans.get(text);
  if (known) return known;
  if (text.length > PLAN_BYTES_MAX) throw failure('TOO_LARGE', `The plan has ${text.length} characters.`);
  const plan = parsed(text);
  if (plans.size >= KEPT_PLANS_MAX) for (const oldest of [...plans.keys()].slice(0, 1)) plans.delete(oldest);
  plans.set(text, plan);
  return plan;
}

function parsed(text: string): PipelinePlan {
  try {
    return PipelinePlan.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? (error.issues[0]?.message ?? '') : 'it is no JSON';
    throw failure('BAD_REQUEST', `The plan of the pipeline cannot be read: ${reason}.`, {}, error);
  }
}
