// Owns the mesh of this checkout while it runs, and the file that tells others about it. start.ts boots and ends it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartFailed } from './child.js';
import { prepareDoorKey } from './door-key.js';
import { publishExamples } from './examples.js';
import { ownIdentity } from './identity.mjs';
import { LocalMesh } from './local-mesh.js';
import { freeBlock, nextBlock } from './ports.js';
import { root } from './root.mjs';
import { type MeshState, removeState, stateFile, writeState } from './state.mjs';
import { planMesh, REGIONS } from './topology.js';
import { buryState, undertakerPid } from './undertaker.js';

export class Keeper {
  #mesh: LocalMesh | undefined;
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
          publishExamples(mesh),
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
    await this.#mesh?.stop();
    removeState(this.dir);
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
