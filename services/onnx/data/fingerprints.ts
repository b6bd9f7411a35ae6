// Remembers which rows were seen, as 53-bit hashes in flat arrays: 9 bytes a slot, so a million rows take 18 MB and never more.
// Finding duplicates and keeping twins together asks; beyond its end it answers "unknown", and the report says for how many rows.
const SLOTS_FIRST = 1_024;
export const ROWS_MAX = 1_048_576;

export class Fingerprints {
  private keys = new Float64Array(SLOTS_FIRST);
  private values = new Uint8Array(SLOTS_FIRST);
  private count = 0;

  /** The value remembered for the key; else remembers this one and returns undefined. 'full' when there is no room. */
  meet(key: number, value: number): number | 'full' | undefined {
    const slot = this.slotOf(key);
    if (this.keys[slot] === key) return this.values[slot];
    if (this.count >= ROWS_MAX) return 'full';
    this.keys[slot] = key;
    this.values[slot] = value;
    if (++this.count * 2 > this.keys.length) this.grow();
    return undefined;
  }

  private slotOf(key: number): number {
    const mask = this.keys.length - 1;
    let slot = (key ^ Math.floor(key / 2 ** 32)) & mask;
    while (this.keys[slot] !== 0 && this.keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const [keys, values] = [this.keys, this.values];
    this.keys = new Float64Array(keys.length * 2);
    this.values = new Uint8Array(keys.length * 2);
    keys.forEach((key, i) => {
      if (key === 0) return;
      const slot = this.slotOf(key);
      this.keys[slot] = key;
      this.values[slot] = values[i] ?? 0;
    });
  }
}

/** cyrb53 (bryc, public domain), over text or bytes; never 0, which marks an empty slot. */
export function fingerprint(value: string | Uint8Array, seed = 0): number {
  let [a, b] = [0xdeadbeef ^ seed, 0x41c6ce57 ^ seed];
  for (let i = 0; i < value.length; i++) {
    const unit = typeof value === 'string' ? value.charCodeAt(i) : (value[i] ?? 0);
    a = Math.imul(a ^ unit, 2_654_435_761);
    b = Math.imul(b ^ unit, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & b) + (a >>> 0) || 1;
}
