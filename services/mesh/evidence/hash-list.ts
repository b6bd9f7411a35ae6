// Hashes in the order they came, and as text: 4 bytes each, little-endian, in base64. A browser can read it, so no Buffer.

export class HashList {
  private hashes = new Uint32Array(16);
  private count = 0;

  push(hash: number): void {
    if (this.count === this.hashes.length) {
      const more = new Uint32Array(this.count * 2);
      more.set(this.hashes);
      this.hashes = more;
    }
    this.hashes[this.count++] = hash;
  }

  get length(): number {
    return this.count;
  }

  /** From that one on. */
  text(from: number): string {
    if (from >= this.count) return '';
    const bytes = new Uint8Array((this.count - from) * 4);
    const view = new DataView(bytes.buffer);
    for (let i = from; i < this.count; i++) view.setUint32((i - from) * 4, this.hashes[i] as number, true);
    let binary = '';
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return btoa(binary);
  }
}

/** Undefined for text of another length than whole hashes. */
export function readHashes(text: string): number[] | undefined {
  const binary = atob(text);
  if (binary.length % 4 !== 0) return undefined;
  const view = new DataView(Uint8Array.from(binary, (c) => c.charCodeAt(0)).buffer);
  return Array.from({ length: binary.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}
