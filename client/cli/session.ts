// What one run of the command line holds open: connections on first use, one set for all who ask, closed at the end.
import { BODY_BYTES_MAX } from '../../contracts/large-body.js';
import { systemClock } from '../../services/mesh/clock.js';
import { systemRandom } from '../../services/mesh/random.js';
import { MassifClient } from '../client.js';
import { callerFor } from '../connect.js';
import { Connections } from '../connections.js';
import type { MeshPlace } from './find-mesh.js';

const CONNECT_MS = 5_000;

export class Session {
  private opened: Promise<Connections> | undefined;
  private found: MeshPlace | undefined;

  constructor(private readonly find: () => MeshPlace) {}

  place(): MeshPlace {
    return (this.found ??= this.find());
  }

  connections(): Promise<Connections> {
    return (this.opened ??= Connections.open({
      urls: this.place().urls,
      key: this.place().key,
      name: 'massif',
      timeoutMs: CONNECT_MS,
      clock: systemClock,
      random: systemRandom,
    }));
  }

  async client(mode: 'direct' | 'routed'): Promise<MassifClient> {
    const connections = await this.connections();
    return new MassifClient(
      connections,
      await callerFor(mode, connections, {
        clock: systemClock,
        random: systemRandom,
        timeoutMs: CONNECT_MS,
        retries: true,
        bodyMaxBytes: BODY_BYTES_MAX,
      }),
    );
  }

  async close(): Promise<void> {
    await (await this.opened?.catch(() => undefined))?.close();
  }
}
