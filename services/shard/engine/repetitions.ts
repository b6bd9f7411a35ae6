// Requests that ask what is being run or was run already: the same request id again (a retry, a hedge, a second delivery), and on
// endpoints that keep answers the same inputs again. They join the run that is under way or get what was kept. Mirrored copies have
// books of their own and leave nothing kept; steps of sequences and of pipelines have no part in this.
import { failure } from '../../../contracts/errors.js';
import type { Tensor } from '../../../contracts/tensor.js';
import type { Clock } from '../../mesh/clock.js';
import { askedDigest, bodyDigest } from './asked-digest.js';
import type { KeptAnswer, KeptAnswers } from './kept-answers.js';
import type { Ready, Waiting } from './request-queue.js';

export interface RepetitionParts {
  /** Before every key: two replicas of an engine share the store. */
  readonly replica: string;
  readonly kept: KeptAnswers;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly decode: (request: Waiting) => Ready;
}

/** `new` is to be run, `joined` will be answered with the one it repeats. */
export type Meeting = 'new' | 'joined' | KeptAnswer;

interface UnderWay {
  readonly leader: Waiting;
  readonly followers: Ready[];
}

interface Mark {
  readonly underWay: UnderWay;
  /** Keys under which others find it. */
  readonly keys: readonly string[];
  /** What is kept of it, under which key and for how long. */
  readonly keep: readonly { readonly key: string; readonly asked: string; readonly ageMsMax: number }[];
}

/** How long an answer is kept for a repetition of its request id. */
const ONCE_MS = 60_000;
const FOLLOWERS_MAX = 64;

export class Repetitions {
  private readonly underWay = new Map<string, UnderWay>();
  private readonly marks = new Map<Waiting, Mark>();

  constructor(private readonly parts: RepetitionParts) {}

  /** Throws REQUEST_ID_REUSED, and whatever is wrong with the body of one that may be kept. */
  meet(request: Waiting): Meeting {
    const { headers } = request;
    const { requestId, shadow, sequence, plan } = headers;
    // What repeats there, others decide.
    if (sequence !== undefined || plan !== '') return 'new';
    if (requestId === '' && headers.cacheS <= 0) return 'new';
    const keys: string[] = [];
    const keep: Mark['keep'][number][] = [];
    if (requestId !== '') {
      const key = `${this.parts.replica} ${shadow ? 'shadow' : 'id'} ${requestId}`;
      const running = this.underWay.get(key);
      if (running) return this.join(request, running, true);
      keys.push(key);
      if (headers.once && !shadow) {
        const asked = bodyDigest(request.body, headers.jsonLength);
        const found = this.parts.kept.get(key, this.parts.clock.monotonicMs());
        if (found && found.asked !== asked) throw reused(requestId);
        if (found) return this.again(request, found);
        keep.push({ key, asked, ageMsMax: ONCE_MS });
      }
    }
    if (headers.cacheS > 0 && !shadow) {
      const { inputs, request: body } = this.parts.decode(request).decoded;
      const asked = askedDigest(inputs, body);
      const key = `${this.parts.replica} cache ${asked}`;
      const found = this.parts.kept.get(key, this.parts.clock.monotonicMs());
      request.to.cache = found ? 'hit' : 'miss';
      if (found) return found;
      const running = this.underWay.get(key);
      if (running) return this.join(request, running, false);
      keys.push(key);
      keep.push({ key, asked, ageMsMax: headers.cacheS * 1_000 });
    }
    if (keys.length === 0) return 'new';
    const underWay: UnderWay = { leader: request, followers: [] };
    for (const key of keys) this.underWay.set(key, underWay);
    this.marks.set(request, { underWay, keys, keep });
    return 'new';
  }

  /** It has its outputs; returns who gets the same. */
  answered(one: Waiting, outputs: readonly Tensor[]): readonly Ready[] {
    const mark = this.marks.get(one);
    if (!mark) return NOBODY;
    const keptAtMs = this.parts.clock.monotonicMs();
    for (const { key, asked, ageMsMax } of mark.keep)
      this.parts.kept.keep(key, { outputs, asked, keptAtMs, ageMsMax });
    return this.ended(one);
  }

  /** Nobody waits for its outputs but its caller, and nothing is kept of them. */
  isAlone(one: Waiting): boolean {
    const mark = this.marks.get(one);
    return mark === undefined || (mark.keep.length === 0 && mark.underWay.followers.length === 0);
  }

  /** It was refused, or its caller gave it up; returns who waited for it. */
  ended(one: Waiting): readonly Ready[] {
    const mark = this.marks.get(one);
    if (!mark) return NOBODY;
    this.marks.delete(one);
    for (const key of mark.keys) this.underWay.delete(key);
    return mark.underWay.followers;
  }

  /** A follower whose caller does not want its answer any more; true when there was one. */
  forget(sender: string): boolean {
    for (const { underWay } of this.marks.values()) {
      const at = underWay.followers.findIndex(({ to }) => to.sender === sender);
      if (at < 0) continue;
      underWay.followers.splice(at, 1);
      return true;
    }
    return false;
  }

  close(): void {
    this.parts.kept.dropAll(`${this.parts.replica} `);
  }

  private join(request: Waiting, { leader, followers }: UnderWay, sameId: boolean): Meeting {
    const { jsonLength } = request.headers;
    if (
      sameId &&
      (jsonLength !== leader.headers.jsonLength || Buffer.compare(request.body, leader.body) !== 0)
    )
      throw reused(request.headers.requestId);
    if (followers.length >= FOLLOWERS_MAX)
      throw failure('MAILBOX_FULL', `${FOLLOWERS_MAX} requests wait for the same run already.`);
    followers.push(this.parts.decode(request));
    return 'joined';
  }

  private again(request: Waiting, found: KeptAnswer): KeptAnswer {
    request.to.again = true;
    return found;
  }
}

const NOBODY: readonly Ready[] = [];

const reused = (requestId: string) =>
  failure('REQUEST_ID_REUSED', `The request id ${requestId} came with another body before.`, { requestId });
