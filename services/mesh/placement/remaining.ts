// What the shards have left beside the endpoints of a plan that stay where they are: memory of each, busy time of each and of each
// centre, and what may still move.
import { busyPerShard, type Lying } from './lying.js';
import {
  BUSY_SHARE,
  BUSY_SHARE_MAX,
  type Centre,
  type EndpointSetting,
  MEMORY_SHARE,
  type Setting,
} from './setting.js';

export class Remaining {
  private readonly ids: readonly string[];
  private readonly numbers: ReadonlyMap<string, number>;
  /** By the centre's index, the numbers of its shards. */
  private readonly members: readonly (readonly number[])[];
  private readonly memory: Float64Array;
  private readonly busyOfShard: Float64Array;
  private readonly busy: Float64Array;

  constructor(
    { centres }: Setting,
    public movable: number,
  ) {
    const shards = centres.flatMap((centre) => centre.shards);
    this.ids = shards.map(({ id }) => id);
    this.numbers = new Map(this.ids.map((id, i) => [id, i]));
    this.members = centres.map((centre) => centre.shards.map(({ id }) => this.numberOf(id)));
    this.memory = Float64Array.from(shards, ({ memoryBytes }) => memoryBytes * MEMORY_SHARE);
    this.busyOfShard = new Float64Array(shards.length).fill(BUSY_SHARE_MAX);
    this.busy = Float64Array.from(centres, (centre) => centre.shards.length * BUSY_SHARE);
  }

  numberOf(id: string): number {
    return this.numbers.get(id) as number;
  }

  idOf(shard: number): string {
    return this.ids[shard] as string;
  }

  memoryOf(shard: number): number {
    return this.memory[shard] as number;
  }

  busyOf(centre: number): number {
    return this.busy[centre] as number;
  }

  /** With room for a replica. */
  readonly shardsFor = ({ endpoint }: EndpointSetting, { index }: Centre): readonly number[] =>
    (this.members[index] as readonly number[]).filter(
      (shard) => this.memoryOf(shard) >= endpoint.memoryBytes,
    );

  lay(one: Lying): void {
    this.book(one, -1);
  }

  take(one: Lying): void {
    this.book(one, 1);
  }

  /** Whether nothing is fuller or busier than it may be, and no more moves. */
  get holds(): boolean {
    const within = (left: number): boolean => left >= -1e-6;
    return (
      within(this.movable) &&
      this.memory.every((left) => left >= 0) &&
      this.busyOfShard.every(within) &&
      this.busy.every(within)
    );
  }

  private book(one: Lying, sign: 1 | -1): void {
    this.movable += sign * one.movedRate;
    for (const [centre, ids] of one.shards) {
      const busy = busyPerShard(one, centre);
      this.busy[centre] = this.busyOf(centre) + sign * busy * ids.length;
      for (const id of ids) {
        const shard = this.numberOf(id);
        this.memory[shard] = this.memoryOf(shard) + sign * one.setting.endpoint.memoryBytes;
        this.busyOfShard[shard] = (this.busyOfShard[shard] as number) + sign * busy;
      }
    }
  }
}
