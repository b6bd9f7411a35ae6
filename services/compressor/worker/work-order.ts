// What the worker process of a compression job is told, in a file of the job's folder.
import type { CompressJob } from '../../../contracts/compress-job.js';
import type { DataSpec, SplitSpec, TokenSpec } from '../../../contracts/train-job.js';

/** What the result is proved on, with all that was left open decided. */
export type ProofOrder =
  | {
      readonly kind: 'labelled';
      readonly data: DataSpec;
      readonly split: SplitSpec;
      /** Of the training job; where absent, what the version itself says of its tokens. */
      readonly tokens?: TokenSpec;
    }
  | { readonly kind: 'samples'; readonly name: string; readonly path: string; readonly digest: string };

export interface WorkOrder {
  readonly job: CompressJob;
  /** Paths by digest. */
  readonly files: Readonly<Record<string, string>>;
  readonly parent: { readonly path: string; readonly digest: string; readonly label: string };
  readonly proof: ProofOrder;
  readonly threads: number;
  /** NATS of the region, where the recipe has a teacher behind an endpoint. */
  readonly natsUrl?: string;
  readonly natsKey?: string;
}
