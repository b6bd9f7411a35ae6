// Parts of bench compress on as many threads as there are processors, each learning on one thread: two networks of this size side by side
// learn faster than one after the other on two threads each. Nothing is timed meanwhile.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { round } from '../report.js';
import type { Made, Size } from './subject.js';

/** In the order of the names; parts that need a file that is not there are left out. */
export async function sideBySide(names: readonly string[], seed: number, size: Size): Promise<Made[]> {
  const made = new Map<string, Made | undefined>();
  const waiting = [...names];
  const oneAfterTheOther = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const fromMs = performance.now();
      const part = await inThread(name, seed, size);
      const seconds = round((performance.now() - fromMs) / 1_000);
      console.log(
        part === undefined ? `${name} skipped: ../shared/data has no such file.` : `${name}: ${seconds} s`,
      );
      made.set(name, part);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), names.length) }, oneAfterTheOther));
  return names.flatMap((name) => made.get(name) ?? []);
}

function inThread(name: string, seed: number, size: Size): Promise<Made | undefined> {
  const worker = new Worker(new URL('./part-worker.js', import.meta.url), {
    workerData: { name, seed, size },
  });
  return new Promise((resolve, reject) => {
    let made: Made | undefined;
    worker.once('message', (message: Made | undefined) => (made = message));
    worker.once('error', reject);
    // Not before it has ended: what it leaves behind would share the processor with what comes next.
    worker.once('exit', (code) =>
      code === 0 ? resolve(made) : reject(new Error(`${name} ended with ${code}`)),
    );
  });
}
