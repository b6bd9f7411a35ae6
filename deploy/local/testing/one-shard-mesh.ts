// The smallest mesh with every door open, for tests of what goes through them: a real NATS server, a shard host with real engines,
// router and gateway in this process. The test plays registry.
import { buckets, keys } from '../../../contracts/buckets.js';
import type { EndpointRecord } from '../../../contracts/registry.js';
import { gatewayService } from '../../../services/gateway/gateway.module.js';
import { GrpcDoor } from '../../../services/gateway/grpc/grpc-door.js';
import { boot, type Running } from '../../../services/mesh/boot.js';
import { silentLog } from '../../../services/mesh/log.js';
import { RouteView } from '../../../services/mesh/routing/route-view.js';
import { waitUntil } from '../../../services/mesh/testing/wait-until.js';
import { routerService } from '../../../services/router/router.module.js';
import { HostedShard } from '../../../services/shard/testing/hosted-shard.js';
import type { SignedVersion } from '../../../services/shard/testing/signed-version.js';

export class OneShardMesh implements AsyncDisposable {
  private constructor(
    readonly shard: HostedShard,
    readonly edge: Running,
  ) {}

  /** Every version is served under the name of its model. */
  static async start(versions: readonly SignedVersion[]): Promise<OneShardMesh> {
    const shard = await HostedShard.start();
    try {
      await shard.serve(...versions);
      const catalog = await shard.bus.kv(buckets.catalog('east'));
      for (const { record } of versions)
        await catalog.put(keys.endpoint(record.model), JSON.stringify(endpointOf(record)));
      const edge = await startEdge(shard);
      const view = edge.app.get(RouteView);
      await waitUntil('the edge sees all replicas', () =>
        versions.every(({ record }) => view.endpoint(record.model) && view.replicas(record.digest)[0]?.ready),
      );
      return new OneShardMesh(shard, edge);
    } catch (error) {
      await shard[Symbol.asyncDispose]();
      throw error;
    }
  }

  get view(): RouteView {
    return this.edge.app.get(RouteView);
  }

  get natsUrl(): string {
    return this.shard.natsUrl;
  }

  get restUrl(): string {
    return this.edge.restUrl ?? '';
  }

  get grpcTarget(): string {
    return `127.0.0.1:${this.edge.app.get(GrpcDoor).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge.stop();
    await this.shard[Symbol.asyncDispose]();
  }
}

const endpointOf = ({ model, digest, label }: SignedVersion['record']): EndpointRecord => ({
  name: model,
  model,
  variants: [{ version: digest, label, weight: 10_000 }],
  salt: 'salt',
  assignment: 'request',
  replicasPerRegion: 1,
  timeoutMs: 5_000,
  updatedAt: '2026-01-01T00:00:00Z',
});

async function startEdge(shard: HostedShard): Promise<Running> {
  const before = process.env['MASSIF_GRPC_PORT'];
  process.env['MASSIF_GRPC_PORT'] = '0';
  try {
    return await boot({
      services: [routerService, gatewayService],
      config: {
        instance: 'edge-east-1',
        region: 'east',
        homeRegion: 'east',
        regions: ['east'],
        natsUrl: shard.natsUrl,
        // Nobody there: the doors do not need Consul.
        consulUrl: 'http://127.0.0.1:1',
        keysDir: shard.dataDir,
        dataDir: shard.dataDir,
        restPort: 0,
        restHost: '127.0.0.1',
      },
      log: silentLog,
    });
  } finally {
    if (before === undefined) delete process.env['MASSIF_GRPC_PORT'];
    else process.env['MASSIF_GRPC_PORT'] = before;
  }
}
