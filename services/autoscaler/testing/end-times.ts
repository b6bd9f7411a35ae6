// The ends of running requests, earliest first: a binary heap. The queue simulator leans on it.

export class EndTimes {
  private heap: { readonly at: number; readonly serviceMs: number }[] = [];

  get first(): number | undefined {
    return this.heap[0]?.at;
  }

  push(at: number, serviceMs: number): void {
    const { heap } = this;
    let i = heap.length;
    heap.push({ at, serviceMs });
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.at(parent) <= this.at(i)) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  /** The service of the earliest. */
  pop(): number {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last) throw new Error('nothing runs');
    if (heap.length > 0) {
      heap[0] = last;
      this.sink();
    }
    return first.serviceMs;
  }

  clone(): EndTimes {
    const copy = new EndTimes();
    copy.heap = [...this.heap];
    return copy;
  }

  private sink(): void {
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      const child = this.at(right) < this.at(left) ? right : left;
      if (this.at(child) >= this.at(i)) return;
      this.swap(i, child);
      i = child;
    }
  }

  private at(i: number): number {
    return this.heap[i]?.at ?? Infinity;
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    const kept = heap[a];
    const other = heap[b];
    if (!kept || !other) return;
    heap[a] = other;
    heap[b] = kept;
  }
}
