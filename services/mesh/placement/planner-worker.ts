// The planner's thread: takes a problem, answers with plans or with what went wrong, one after the other. Only PlannerThread starts it.
import { parentPort } from 'node:worker_threads';
import { planHere } from './planner.js';
import { failureFrom, type PlannerAnswer, type PlannerQuestion } from './planner-messages.js';

async function answer({ id, problem, what }: PlannerQuestion): Promise<PlannerAnswer> {
  try {
    return { id, plans: await planHere(problem, what) };
  } catch (error) {
    return { id, failure: failureFrom(error) };
  }
}

let before: Promise<unknown> = Promise.resolve();
parentPort?.on('message', (question: PlannerQuestion) => {
  before = before.then(async () => parentPort?.postMessage(await answer(question)));
});
