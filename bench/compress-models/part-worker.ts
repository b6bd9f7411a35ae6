// A thread that makes one part of bench compress (parts.ts) and sends what it made.
import { parentPort, workerData } from 'node:worker_threads';
import { madePart } from './parts.js';
import type { Size } from './subject.js';

const { name, seed, size } = workerData as {
  readonly name: string;
  readonly seed: number;
  readonly size: Size;
};
parentPort?.postMessage(await madePart(name, seed, size));
