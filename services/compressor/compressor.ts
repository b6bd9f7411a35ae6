// What people ask of compression, with data and version there before the job. The jobs themselves run as all do (mesh/jobs).
import { dataFilesOf } from '../../contracts/compress-job.js';
import { COMPRESSION_RECIPES } from '../../contracts/compression-recipes.js';
import type { CompressJobsReply, CompressRecord, CompressRequest } from '../../contracts/compressor.js';
import { failure } from '../../contracts/errors.js';
import type { Bus } from '../mesh/bus.js';
import type { JobRunner } from '../mesh/jobs/job-runner.js';
import { showVersion } from '../mesh/jobs/parent-version.js';
import type { CompressionObjects } from './compression.js';

export class Compressor {
  constructor(
    private readonly bus: Bus,
    private readonly runner: JobRunner<CompressRecord>,
    private readonly objects: CompressionObjects,
  ) {}

  /** The version is fixed here: an alias that moves meanwhile changes nothing. */
  async submit({ job, terms }: CompressRequest): Promise<CompressRecord> {
    for (const file of dataFilesOf(job))
      if (!(await this.objects.hasDataset(file.digest)))
        throw failure('DATA_REFUSED', `The data set ${file.name} was not uploaded before the job.`, {
          digest: file.digest,
        });
    const { digest } = await showVersion(this.bus, job.model, job.version);
    return this.runner.submit((base) => ({ ...base, job: { ...job, version: digest } }), terms);
  }

  async jobs(): Promise<CompressJobsReply> {
    const recipes = COMPRESSION_RECIPES.map(({ name, summary }) => ({ name, summary }));
    return { jobs: await this.runner.jobs(), recipes };
  }

  cancel(id: string): Promise<CompressRecord> {
    return this.runner.cancel(id);
  }
}
