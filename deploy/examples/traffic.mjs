// Traffic for the vad example, or for an endpoint with requests of its own, so that a release has something to compare: calls come on a schedule,
// whatever becomes of those before, and every few seconds it says which version answered how many, how fast:
// node deploy/examples/traffic.mjs [--seconds 120] [--rps 40] [--endpoint digits --samples digits.jsonl]
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findMesh, processRuns } from '../../dist/client/cli/find-mesh.js';
import { connect } from '../../dist/client/mod.js';
import { decodeInferRequest } from '../../dist/contracts/infer-body.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    rps: { type: 'string', default: '40' },
    nats: { type: 'string' },
    endpoint: { type: 'string', default: 'vad' },
    samples: { type: 'string' },
  },
});
const seconds = number('seconds', 3_600);
const rps = number('rps', 1_000);
const TOLD_EVERY_MS = 5_000;
// More than a mesh that keeps up has on its way; beyond it calls are left out, and counted.
const PENDING_MAX = 500;

const { urls } = findMesh({
  nats: values.nats,
  region: undefined,
  env: process.env,
  cwd: process.cwd(),
  isRunning: processRuns,
});
// One body of the Open Inference Protocol a line, asked in turn.
const bodies = values.samples === undefined ? [] : readFileSync(values.samples, 'utf8').trim().split('\n');
const massif = await connect({ nats: urls });
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const total = { calls: 0, failed: 0, leftOut: 0 };
let seen = new Map();
const pending = new Set();
const began = performance.now();
let toldMs = began;
for (let n = 0; n < seconds * rps && !stop.signal.aborted; n++) {
  const waitMs = began + (n * 1_000) / rps - performance.now();
  if (waitMs > 0) await sleep(waitMs);
  if (pending.size >= PENDING_MAX) total.leftOut++;
  else {
    const one = call(n).finally(() => pending.delete(one));
    pending.add(one);
  }
  if (performance.now() - toldMs >= TOLD_EVERY_MS) tell();
}
await Promise.all(pending);
tell();
console.log(`${total.calls} calls, ${total.failed} failed, ${total.leftOut} left out`);
await massif.close();
process.exitCode = total.failed === 0 ? 0 : 1;

async function call(n) {
  const inputs = bodies.length === 0 ? tone(n) : sampled(bodies[n % bodies.length]);
  total.calls++;
  const sentMs = performance.now();
  try {
    const { modelVersion } = await massif.infer(values.endpoint, inputs);
    count(modelVersion, performance.now() - sentMs);
  } catch (error) {
    total.failed++;
    count(error.code ?? error.name, performance.now() - sentMs);
  }
}

/** A chunk of a tone, each time another. */
function tone(n) {
  const pitch = 0.01 + (n % 97) / 100;
  const input = Float32Array.from({ length: 576 }, (_, at) => 0.5 * Math.sin(at * pitch));
  return {
    input: { data: input, shape: [1, 576] },
    state: { data: new Float32Array(256), shape: [2, 1, 128] },
    sr: { data: BigInt64Array.of(16_000n), shape: [] },
  };
}

function sampled(body) {
  const { inputs } = decodeInferRequest(new TextEncoder().encode(body), undefined);
  return Object.fromEntries(inputs.map(({ name, data, shape }) => [name, { data, shape }]));
}

function count(what, ms) {
  const one = seen.get(what) ?? { calls: 0, ms: 0 };
  seen.set(what, { calls: one.calls + 1, ms: one.ms + ms });
}

function tell() {
  toldMs = performance.now();
  const parts = [...seen]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([what, { calls, ms }]) => `${what} ${calls} (${(ms / calls).toFixed(1)} ms)`);
  if (parts.length > 0)
    console.log(`${String(Math.round((toldMs - began) / 1_000)).padStart(4)} s  ${parts.join(', ')}`);
  seen = new Map();
}

function number(name, max) {
  const given = Number(values[name]);
  if (given > 0 && given <= max) return given;
  console.error(`--${name} must be a number above 0 and at most ${max}, got "${values[name]}"`);
  process.exit(64);
}
