// Takes what callers say of their answers into the book, for the arm that gave the answer. The router answers with it on the bus,
// the gateway over REST.
import { failure } from '../../../contracts/errors.js';
import type { FeedbackReply, FeedbackRequest } from '../../../contracts/feedback.js';
import { armOf } from '../../../contracts/registry.js';
import type { RoutedEndpoint } from '../routing/arm-choice.js';
import { bucketOf, variantOf } from '../bucket.js';
import type { EvidenceBook } from './book.js';

interface Arm {
  readonly arm: string;
  readonly epoch: number;
}

export class FeedbackDesk {
  constructor(
    private readonly book: EvidenceBook,
    private readonly endpoint: (name: string) => RoutedEndpoint | undefined,
  ) {}

  take(said: FeedbackRequest): FeedbackReply {
    const record = this.endpoint(said.endpoint);
    if (!record) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint ${said.endpoint}.`);
    if (!this.book.takesWords(said.endpoint))
      throw failure(
        'BAD_REQUEST',
        `An order of safety is in force at ${said.endpoint}: nothing is counted there until it ends.`,
      );
    const { arm, epoch } = armBehind(said, record);
    // A user counts once for each metric, as with failures; without a user each call does.
    const unit = said.user === undefined ? `request ${said.requestId}` : `user ${said.user}`;
    const counted = this.book.said(said.endpoint, arm, epoch, said.metric, unit, Number(said.value));
    if (counted === undefined)
      throw failure(
        'BAD_REQUEST',
        `${said.endpoint} takes no more of ${said.metric}: its arm ${arm} of epoch ${epoch} is over, or it has 16 metrics already.`,
      );
    return { counted, arm, epoch };
  }
}

function armBehind(said: FeedbackRequest, record: RoutedEndpoint): Arm {
  const epoch = record.epoch ?? 0;
  if (said.arm !== undefined) {
    const [, digits = '', arm = ''] = /^(\d{1,15})\.(.+)$/.exec(said.arm) ?? [];
    if (arm === '' || !record.variants.some((variant) => armOf(variant) === arm))
      throw failure('BAD_REQUEST', `The arm must be as the answer's header Massif-Arm said, <epoch>.<arm>.`);
    return { arm, epoch: Number(digits) };
  }
  const [sole] = record.variants;
  if (sole && record.variants.length === 1) return { arm: armOf(sole), epoch };
  if (said.version !== undefined) {
    const { version: asked } = said;
    const arms = record.variants.filter(
      ({ label, version }) => label === asked || (asked.length >= 12 && version.startsWith(asked)),
    );
    const [only] = arms;
    if (only && arms.length === 1) return { arm: armOf(only), epoch };
    if (!only) throw failure('VERSION_UNKNOWN', `Endpoint ${record.name} does not serve ${asked}.`);
  } else if (said.user !== undefined && !record.rules && !record.experiment)
    return { arm: armOf(variantOf(record, bucketOf(record.salt, said.user))), epoch };
  throw failure(
    'BAD_REQUEST',
    'It does not say which arm answered: send the header Massif-Arm of the answer.',
  );
}
