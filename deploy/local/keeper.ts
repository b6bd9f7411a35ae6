// Owns the mesh of this checkout while it runs, and the file that tells others about it. start.ts boots and ends it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, StartFailed } from './child.js';
import { prepareDoorKey } from './door-key.js';
import type { PublishedTo } from './examples.js';
import { ownIdentity } from './identity.mjs';
import { LocalMesh } from './local-mesh.js';
import { freeBlock, nextBlock } from './ports.js';
import { root } from './root.mjs';
import { type MeshState, removeState, stateFile, writeState } from './state.mjs';
import { planMesh, REGIONS } from './topology.js';
import { buryState, undertakerPid } from './undertaker.js';

/** The examples say themselves which of them is late, and sooner. */
const PUBLISHED_WITHIN_MS = 120_000;

export class Keeper {
  #mesh: LocalMesh | undefined;
  #publishing: Child | undefined;
  #phase: MeshState['phase'] = 'starting';
  readonly #startedAt = new Date().toISOString();

  constructor(
    private readonly dir: string,
    private readonly development: boolean,
  ) {}

  async boot(first: number): Promise<MeshState> {
    for (let base = first; ; base = nextBlock(base)) {
      base = await freeBlock(base, REGIONS.length);
      const mesh = new LocalMesh(planMesh({ dir: this.dir, base, development: this.development }), () =>
        this.#write(),
      );
      this.#mesh = mesh;
      buryState(stateFile(this.dir));
      this.#write();
      try {
        await mesh.boot();
        await Promise.all([
          this.#publish(mesh),
          ...(this.development ? [] : [prepareDoorKey(mesh.topology)]),
        ]);
        this.#phase = 'ready';
        return this.#write();
      } catch (error) {
        await mesh.stop();
        // Somebody took a port between our look and our use: the next block is as good.
        if (!(error instanceof StartFailed && error.portTaken)) throw error;
      }
    }
  }

  async end(): Promise<void> {
    await this.#publishing?.end(1_000);
    await this.#mesh?.stop();
    removeState(this.dir);
  }

  async #publish({ topology }: LocalMesh): Promise<void> {
    const { keys, development, regions, logs } = topology;
    const to: PublishedTo = { keys, development, regions: regions.map(({ natsUrl }) => ({ natsUrl })) };
    const spec = {
      name: 'examples',
      kind: 'examples',
      command: process.execPath,
      args: [join(root, 'dist', 'deploy', 'local', 'publish-examples.js'), JSON.stringify(to)],
      env: {},
      ready: 'message',
      readyWithinMs: PUBLISHED_WITHIN_MS,
    } as const;
    this.#publishing = new Child(spec, join(logs, 'examples.log'));
    await this.#publishing.ready;
  }

  #write(): MeshState {
    const mesh = this.#mesh;
    const state: MeshState = {
      version: version(),
      phase: this.#phase,
      ...ownIdentity(),
      undertaker: undertakerPid(),
      startedAt: this.#startedAt,
      development: this.development,
      keys: mesh?.topology.keys ?? '',
      regions: (mesh?.topology.regions ?? []).map(
        ({ name, home, restUrl, grpcTarget, natsUrl, consulUrl }) => ({
          name,
          home,
          rest: restUrl,
          grpc: grpcTarget,
          nats: natsUrl,
          consul: consulUrl,
        }),
      ),
      processes: (mesh?.supervisor.list() ?? []).map(({ name, kind, pid, state }) => ({
        name,
        kind,
        pid,
        state,
      })),
    };
    writeState(this.dir, state);
    return state;
  }
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}
