// The line between two regions as a proxy that a drill can break in three ways: `severed`, connections are reset and new ones refused;
// `frozen`, nothing passes and nobody is told, as when packets are dropped by a firewall; `flapping`, it breaks again and again.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Break = 'severed' | 'frozen' | 'flapping';

const FLAP_MS = 400;

export class Link implements AsyncDisposable {
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private how: Break | undefined;
  private flaps: NodeJS.Timeout | undefined;

  private constructor(
    private readonly server: Server,
    private readonly toPort: number,
    readonly port: number,
  ) {
    server.on('connection', (near) => this.join(near));
  }

  /** From `port` to `toPort`, both on loopback. */
  static async open(port: number, toPort: number): Promise<Link> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new Link(server, toPort, port);
  }

  cut(how: Break): void {
    this.mend();
    this.how = how;
    if (how === 'frozen') for (const pair of this.pairs) for (const socket of pair) socket.pause();
    if (how === 'severed') this.reset();
    if (how !== 'flapping') return;
    this.reset();
    this.flaps = setInterval(() => this.reset(), FLAP_MS);
  }

  /** What was frozen goes on where it stopped, as after packets were sent again. */
  mend(): void {
    clearInterval(this.flaps);
    this.flaps = undefined;
    if (this.how === 'frozen') for (const pair of this.pairs) for (const socket of pair) socket.resume();
    this.how = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.reset();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(near: Socket): void {
    if (this.how === 'severed') return void near.resetAndDestroy();
    const far = connect(this.toPort, '127.0.0.1');
    const pair = [near, far] as const;
    this.pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => {
        if (this.how !== 'frozen') from.resume();
      });
      from.on('error', () => undefined); // the other side hears of it by `close`
      from.on('close', () => {
        this.pairs.delete(pair);
        to.destroy();
      });
      if (this.how === 'frozen') from.pause();
    }
  }

  private reset(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.resetAndDestroy();
  }
}
