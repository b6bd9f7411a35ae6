// Opens the door once the router knows whom it could ask, and closes it before the process leaves. Until then requests go to the
// router of another region, so opening early would only lose them.
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HEARTBEAT_MS } from '../../contracts/heartbeat.js';
import type { Clock } from '../mesh/clock.js';
import { errorFields, type Log } from '../mesh/log.js';
import { RouteView } from '../mesh/routing/route-view.js';
import { CLOCK, LOG } from '../mesh/tokens.js';
import { RouterDoor } from './door.js';

// Every living shard has beaten once by then.
const ONE_BEAT_MS = HEARTBEAT_MS + 50;
// A catalog that cannot be read does not hold up the process: the door opens whenever it can.
const WAIT_MS_MAX = 5_000;

@Injectable()
export class DoorKeeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly leaving = new AbortController();

  constructor(
    @Inject(RouterDoor) private readonly door: RouterDoor,
    @Inject(RouteView) private readonly view: RouteView,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const opened = this.open().catch((error: unknown) => {
      if (!this.leaving.signal.aborted) this.log.error('router.door.failed', errorFields(error));
    });
    await Promise.race([opened, this.clock.sleep(WAIT_MS_MAX, this.leaving.signal).catch(() => undefined)]);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.leaving.abort();
    await this.door.close();
  }

  private async open(): Promise<void> {
    await this.view.ready();
    await this.clock.sleep(ONE_BEAT_MS, this.leaving.signal);
    await this.door.open();
    this.log.info('router.door.open', { shards: this.view.shardNames().length });
  }
}
