// What a candidate takes on a small device: memory in a process of its own, latency of one example on one thread. The search asks when
// a job names an edge budget.
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { z } from 'zod';
import type { EdgeBudget } from '../../../contracts/compress-job.js';
import { failure } from '../../../contracts/errors.js';
import type { Tensors } from '../../onnx/session.js';

export interface EdgeFigures {
  readonly bytes: number;
  readonly memoryBytes: number;
  readonly latencyMs: number;
}

const Said = z.object({ memoryBytes: z.int() });
const PROBE = fileURLToPath(new URL('./edge-probe.js', import.meta.url));
const MB = 1e6;

/** Bytes by which a process grows that loads the model and runs it. Throws ENGINE_FAILED where it says nothing. */
export async function memoryOf(model: Uint8Array, feeds: Tensors, folder: string): Promise<number> {
  const [modelPath, feedsPath] = [join(folder, 'probe.onnx'), join(folder, 'probe.feeds')];
  writeFileSync(modelPath, model);
  writeFileSync(feedsPath, serialize(feeds));
  const child = fork(PROBE, [modelPath, feedsPath], { execArgv: [] });
  return new Promise((resolve, reject) => {
    let bytes: number | undefined;
    child.on('message', (said) => (bytes = Said.parse(said).memoryBytes));
    child.once('exit', (code, signal) =>
      bytes === undefined
        ? reject(failure('ENGINE_FAILED', `The process that measures memory ended: ${signal ?? code}.`))
        : resolve(bytes),
    );
  });
}

/** Why it does not fit, each with its figures. */
export function edgeObjections(found: EdgeFigures, budget: EdgeBudget): string[] {
  const mb = (bytes: number): string => `${(bytes / MB).toFixed(2)} MB`;
  return [
    ...(found.bytes > budget.bytes ? [`It takes ${found.bytes} bytes; ${budget.bytes} were allowed.`] : []),
    ...(found.memoryBytes > budget.memoryBytes
      ? [`It adds ${mb(found.memoryBytes)} to a process; ${mb(budget.memoryBytes)} were allowed.`]
      : []),
    ...(found.latencyMs > budget.latencyMs
      ? [`Its median on one thread is ${found.latencyMs.toFixed(3)} ms; ${budget.latencyMs} were allowed.`]
      : []),
  ];
}
