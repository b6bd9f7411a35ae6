// The work queue: a JetStream stream of job ids that forgets what was acknowledged. A job that its process does not report on in
// time is handed to another, so a lost process costs a moment and no job. The runner uses it.
import {
  AckPolicy,
  type Consumer,
  DiscardPolicy,
  type JetStreamClient,
  type JsMsg,
  jetstreamManager,
  RetentionPolicy,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { streams } from '../../../contracts/buckets.js';
import { subjects } from '../../../contracts/subjects.js';
import { QueuedJob } from '../../../contracts/job.js';
import type { Bus } from '../bus.js';

const WAIT_MS = 1_000;

export class JobQueue {
  private constructor(
    private readonly js: JetStreamClient,
    private readonly consumer: Consumer,
    private readonly kind: string,
  ) {}

  /** Makes stream and consumer when they are missing. */
  static async open(bus: Bus, region: string, kind: string, ackWaitMs: number): Promise<JobQueue> {
    const manager = await jetstreamManager(bus.nc);
    const stream = streams.jobs(region);
    await manager.streams.add({
      name: stream,
      // One stream for all kinds of jobs; each kind has a consumer of its own.
      subjects: [subjects.jobs('*')],
      retention: RetentionPolicy.Workqueue,
      // Full is an answer: a job more is refused, none is forgotten.
      max_msgs: 100_000,
      discard: DiscardPolicy.New,
    });
    await manager.consumers.add(stream, {
      durable_name: kind,
      filter_subject: subjects.jobs(kind),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
    });
    return new JobQueue(bus.js, await bus.js.consumers.get(stream, kind), kind);
  }

  /** Twice is once: the server knows the id for two minutes. */
  async add(id: string): Promise<void> {
    await this.js.publish(subjects.jobs(this.kind), JSON.stringify({ id }), { msgID: id });
  }

  /** Undefined when there is none for a second. */
  async next(): Promise<{ readonly id: string; readonly message: JsMsg } | undefined> {
    const message = await this.consumer.next({ expires: WAIT_MS });
    if (message === null) return undefined;
    const parsed = QueuedJob.safeParse(message.json());
    if (parsed.success) return { id: parsed.data.id, message };
    message.term('no job');
    return undefined;
  }
}
