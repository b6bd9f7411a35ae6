// What people ask of training: jobs in full or by recipe, with their data there before them. The jobs themselves run as all do
// (mesh/jobs).
import { failure } from '../../contracts/errors.js';
import { filesOf, TrainJob } from '../../contracts/train-job.js';
import type { JobRecord, JobsReply, SubmitRequest } from '../../contracts/trainer.js';
import type { JobRunner } from '../mesh/jobs/job-runner.js';
import { RECIPES, recipeJob } from './recipes.js';
import type { TrainingObjects } from './training.js';

export class Trainer {
  constructor(
    private readonly runner: JobRunner<JobRecord>,
    private readonly objects: TrainingObjects,
  ) {}

  async submit(request: SubmitRequest): Promise<JobRecord> {
    const job = 'job' in request ? request.job : fromRecipe(request);
    for (const file of filesOf(job))
      if (!(await this.objects.hasDataset(file.digest)))
        throw failure('DATA_REFUSED', `The data set ${file.name} was not uploaded before the job.`, {
          digest: file.digest,
        });
    return this.runner.submit((base) => ({ ...base, job }), request.terms);
  }

  async jobs(): Promise<JobsReply> {
    const recipes = RECIPES.map(({ name, summary }) => ({ name, summary }));
    return { jobs: await this.runner.jobs(), recipes };
  }

  cancel(id: string): Promise<JobRecord> {
    return this.runner.cancel(id);
  }
}

function fromRecipe(request: Extract<SubmitRequest, { recipe: string }>): TrainJob {
  const { recipe, model, label, seed, epochs, aliases, publish } = request;
  const job = TrainJob.parse(recipeJob(recipe));
  const training = {
    ...job.training,
    ...(seed === undefined ? {} : { seed }),
    ...(epochs === undefined ? {} : { epochs }),
  };
  const split = { ...job.split, ...(seed === undefined ? {} : { seed }) };
  return {
    ...job,
    training,
    split,
    aliases,
    publish,
    ...(model === undefined ? {} : { model }),
    ...(label === undefined ? {} : { label }),
  };
}
