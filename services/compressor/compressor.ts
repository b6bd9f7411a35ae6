// What people ask of compression, with data and version there before the job. The jobs themselves run as all do (mesh/jobs).
import { dataFilesOf } from '../../contracts/compress-job.js';
import { COMPRESSION_RECIPES } from '../../contracts/compression-recipes.js';
import type { CompressJobsReply, CompressRecord, CompressRequest } from '../../contracts/compressor.js';
import { failure } from '../../contracts/errors.js';
import type { Bus } from '../mesh/bus.js';
import type { JobRunner } from '../mesh/jobs/job-runner.js';
import { showVersion } from '../mesh/jobs/parent-version.js';
import type { CompressionObjects } from './compression.js';
import { liveSamples } from './live-samples.js';

export class Compressor {
  constructor(
    private readonly bus: Bus,
    private readonly runner: JobRunner<CompressRecord>,
    private readonly objects: CompressionObjects,
  ) {}

  /** Version and samples are fixed here: an alias that moves meanwhile, or what callers send, changes nothing. */
  async submit({ job: asked, terms }: CompressRequest): Promise<CompressRecord> {
    const { digest } = await showVersion(this.bus, asked.model, asked.version);
    const { data } = asked;
    const job = {
      ...asked,
      version: digest,
      data: data.kind === 'live' ? await liveSamples(this.bus, this.objects, asked.model, data) : data,
    };
    for (const file of dataFilesOf(job))
      if (!(await this.objects.hasDataset(file.digest)))
        throw failure('DATA_REFUSED', `The data set ${file.name} was not uploaded before the job.`, {
          digest: file.digest,
        });
    return this.runner.submit((base) => ({ ...base, job }), terms);
  }

  async jobs(): Promise<CompressJobsReply> {
    const recipes = COMPRESSION_RECIPES.map(({ name, summary }) => ({ name, summary }));
    return { jobs: await this.runner.jobs(), recipes };
  }

  cancel(id: string): Promise<CompressRecord> {
    return this.runner.cancel(id);
  }
}
