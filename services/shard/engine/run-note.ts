// Before a run the engine notes which replica it is about to run, in a small file that its host reads when the engine is stuck
// or dead: so the host knows the culprit among neighbours. Written only when the replica changes (2 us then, nothing else), in
// place, because a process that is killed loses nothing that it has given to the kernel.
import { closeSync, openSync, writeSync } from 'node:fs';

const BYTES = 4;

export class RunNote {
  private readonly bytes = Buffer.alloc(BYTES);
  private readonly file: number;
  private noted = -1;

  constructor(path: string) {
    this.file = openSync(path, 'w', 0o600);
  }

  about(replicaNumber: number): void {
    if (replicaNumber === this.noted) return;
    this.noted = replicaNumber;
    this.bytes.writeUInt32LE(replicaNumber);
    writeSync(this.file, this.bytes, 0, BYTES, 0);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** The number in a note; undefined when nothing was run yet. */
export function notedReplica(note: Uint8Array): number | undefined {
  if (note.length !== BYTES) return undefined;
  return Buffer.from(note.buffer, note.byteOffset, BYTES).readUInt32LE(0);
}
