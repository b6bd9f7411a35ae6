// What the placer moves, as the audit log is told: one entry for all moves to and from a shard within a second. Where hundreds of models
// take turns in a shard's memory an entry for each of them would cost more than the move.
import { shortDigest } from '../../contracts/names.js';
import type { Clock } from '../mesh/clock.js';
import type { PlacedVersion } from '../mesh/placement/shard-view.js';
import type { TellAudit } from '../mesh/tell-audit.js';

const TOGETHER_MS = 1_000;
/** An entry has a thousand characters for each list, which is some twenty names of the longest sort. */
const NAMES_MAX = 20;

interface Moves {
  readonly comes: string[];
  readonly goes: string[];
}

export class ToldMoves {
  private readonly pending = new Map<string, Moves>();
  private cancel: (() => void) | undefined;

  constructor(
    private readonly tell: TellAudit,
    private readonly clock: Pick<Clock, 'after'>,
  ) {}

  moved(shard: string, coming: readonly PlacedVersion[], going: readonly PlacedVersion[]): void {
    const { comes, goes } = this.pending.get(shard) ?? { comes: [], goes: [] };
    comes.push(...coming.map(nameOf));
    goes.push(...going.map(nameOf));
    this.pending.set(shard, { comes, goes });
    if (Math.max(comes.length, goes.length) >= NAMES_MAX) this.flush();
    else this.cancel ??= this.clock.after(TOGETHER_MS, () => this.flush());
  }

  /** All that was moved is told now. */
  flush(): void {
    this.cancel?.();
    this.cancel = undefined;
    for (const [shard, { comes, goes }] of this.pending)
      while (comes.length + goes.length > 0) {
        const about = { shard, comes: listed(comes), goes: listed(goes) };
        this.tell({ who: 'placer', action: 'placement.move', about, outcome: 'done' });
      }
    this.pending.clear();
  }
}

const listed = (names: string[]): string => names.splice(0, NAMES_MAX).join(', ');

const nameOf = ({ model, version }: PlacedVersion): string => `${model} ${shortDigest(version)}`;
