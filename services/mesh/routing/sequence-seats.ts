// Where sequences were last seen, as far as this process knows: a bounded memory, the longest unused first to go. What it has
// forgotten is found again by asking in rendezvous order. The route view has one.

const KEPT_MAX = 50_000;

export class SequenceSeats {
  private readonly replicas = new Map<string, string>();

  constructor(private readonly max = KEPT_MAX) {}

  get(endpoint: string, id: string): string | undefined {
    return this.replicas.get(keyOf(endpoint, id));
  }

  seen(endpoint: string, { id, end }: { readonly id: string; readonly end: boolean }, replica: string): void {
    const key = keyOf(endpoint, id);
    this.replicas.delete(key);
    if (end) return;
    this.replicas.set(key, replica);
    if (this.replicas.size <= this.max) return;
    for (const oldest of this.replicas.keys()) {
      this.replicas.delete(oldest);
      return;
    }
  }
}

const keyOf = (endpoint: string, id: string): string => `${endpoint}\n${id}`;
