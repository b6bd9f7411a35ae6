// Holds refusals until the loop has read what lies in its socket: they go out in one write. Each read of a socket brings some twenty requests, and
// a write for each read costs an engine that is asked for too much a fifth of its time. Whoever is about to block the loop flushes first.
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';

interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
}

export class Outbox {
  private held: Message[] = [];

  constructor(private readonly nc: Pick<NatsConnection, 'publish'>) {}

  publish(message: Message): void {
    // Sockets are read before immediates run.
    if (this.held.length === 0) setImmediate(() => this.flush());
    this.held.push(message);
  }

  flush(): void {
    const { held } = this;
    if (held.length === 0) return;
    this.held = [];
    try {
      for (const { subject, data, headers } of held) this.nc.publish(subject, data, { headers });
    } catch {
      // The connection is closed; whoever waits learns it from that.
    }
  }
}
