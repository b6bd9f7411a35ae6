// A set of 32-bit hashes that grows to a limit and then takes no more. No allocation while it has room: it is asked on the way of
// every call of an endpoint under release.

const START = 64;

export class FixedSet {
  /** Open addressing, at most half full; 0 is an empty place, so the hash 0 goes in as 1. */
  private slots = new Uint32Array(START * 2);
  private order = new Uint32Array(START);
  private count = 0;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.count;
  }

  get full(): boolean {
    return this.count >= this.max;
  }

  /** True when it was not there before and is now. */
  add(hash: number): boolean {
    const value = hash >>> 0 || 1;
    let at = this.placeOf(value);
    if (this.slots[at] === value || this.full) return false;
    if (this.count === this.order.length) {
      this.grow();
      at = this.placeOf(value);
    }
    this.slots[at] = value;
    this.order[this.count++] = value;
    return true;
  }

  has(hash: number): boolean {
    const value = hash >>> 0 || 1;
    return this.slots[this.placeOf(value)] === value;
  }

  private placeOf(value: number): number {
    const mask = this.slots.length - 1;
    // Hashes come from murmur: their low bits are as good as any.
    let at = value & mask;
    while (this.slots[at] !== 0 && this.slots[at] !== value) at = (at + 1) & mask;
    return at;
  }

  private grow(): void {
    const order = new Uint32Array(this.order.length * 2);
    order.set(this.order);
    this.order = order;
    this.slots = new Uint32Array(order.length * 2);
    for (let i = 0; i < this.count; i++) {
      const value = order[i] as number;
      this.slots[this.placeOf(value)] = value;
    }
  }
}
