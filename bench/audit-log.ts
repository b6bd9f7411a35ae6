// The audit log: what an append costs, whether any change after a checkpoint goes unseen, and whether anything acknowledged is lost when
// writer or server are killed. Real JetStream, real kills.
import { type ChildProcess, fork } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type NatsServer, startNats } from '../deploy/local/nats.js';
import { AuditLog } from '../services/auditor/audit-log.js';
import { AuditChain } from '../services/mesh/audit/chain.js';
import { signCheckpoint, verifierOf } from '../services/mesh/audit/note.js';
import { verifyLog } from '../services/mesh/audit/verify-log.js';
import { connectBus } from '../services/mesh/bus.js';
import { silentLog } from '../services/mesh/log.js';
import { seededRandom } from '../services/mesh/random.js';
import { newKeyPair, privateKeyOf } from '../services/mesh/trust/signing-key.js';
import { eventOf } from '../services/mesh/tell-audit.js';
import { type Benchmark, percentile } from './report.js';

const SIZES = {
  ci: { appends: 2_000, changes: 200, kills: 2, logs: 60 },
  quick: { appends: 20_000, changes: 2_000, kills: 10, logs: 100 },
  full: { appends: 100_000, changes: 10_000, kills: 100, logs: 300 },
};
const REGION = 'east';
const key = privateKeyOf(newKeyPair('auditor').privateKeyPem);
const NAME = 'massif-audit-east';

const event = (n: number) =>
  eventOf({ who: 'ada', action: 'bench.done', about: { n }, outcome: 'done' }, 'bench', { now: () => 0 });

export const benchmark: Benchmark = async ({ form, seed }) => {
  const sizes = SIZES[form];
  const memory = inMemory(sizes.appends);
  const changes = tampered(sizes.changes, sizes.logs, seed);
  const stored = await onServer(sizes.appends);
  const kills = await killed(sizes.kills);
  const missed = Object.values(changes).reduce((sum, { tried, found }) => sum + tried - found, 0);
  return {
    results: { memory, stored, changes, kills },
    aims: [
      { name: 'append: hash, chain and tree', value: memory.usEach, unit: 'us', aim: 100, op: '<=' },
      { name: 'append, acknowledged by JetStream', value: stored.usEach, unit: 'us', aim: 100, op: '<=' },
      { name: 'changes that went unseen', value: missed, unit: `of ${sizes.changes}`, aim: 0, op: '<=' },
      {
        name: 'acknowledged entries lost',
        value: kills.lost,
        unit: `of ${kills.acknowledged}`,
        aim: 0,
        op: '<=',
      },
      { name: 'proof of one entry', value: memory.proofUs, unit: 'us', aim: 1_000, op: '<=' },
    ],
  };
};

function inMemory(count: number) {
  const chain = new AuditChain();
  const begun = performance.now();
  for (let n = 0; n < count; n++) chain.add(chain.compose(event(n)));
  const usEach = ((performance.now() - begun) * 1_000) / count;
  const proofs = Array.from({ length: 200 }, (_, i) => {
    const from = performance.now();
    chain.tree.inclusion(Math.floor((i * count) / 200));
    return (performance.now() - from) * 1_000;
  });
  return { count, usEach, proofUs: percentile(proofs, 0.5) };
}

type Change = 'edit' | 'drop' | 'reorder' | 'truncate';
const CHANGES: readonly Change[] = ['edit', 'drop', 'reorder', 'truncate'];

/** Each on a log that is whole otherwise, below its last checkpoint. */
function tampered(count: number, length: number, seed: number) {
  const random = seededRandom(seed);
  const chain = new AuditChain();
  const entries = Array.from({ length }, (_, n) => {
    const text = chain.compose(event(n));
    chain.add(text);
    return text;
  });
  const note = signCheckpoint(
    { origin: 'massif/east/audit', size: length, root: chain.tree.root() },
    NAME,
    key,
  );
  const verifier = verifierOf(NAME, createPublicKey(key));
  if (verifyLog(entries, [note], verifier).findings.length > 0)
    throw new Error('the whole log does not verify');
  const tally = Object.fromEntries(CHANGES.map((kind) => [kind, { tried: 0, found: 0 }]));
  for (let i = 0; i < count; i++) {
    const kind = CHANGES[i % CHANGES.length] as Change;
    const given = changed(entries, kind, Math.floor(random() * length), random);
    const one = tally[kind];
    if (!one) continue;
    one.tried++;
    if (verifyLog(given, [note], verifier).findings.length > 0) one.found++;
  }
  return tally;
}

function changed(entries: readonly string[], kind: Change, at: number, random: () => number): string[] {
  const text = entries[at] as string;
  if (kind === 'drop') return entries.toSpliced(at, 1);
  if (kind === 'truncate') return entries.slice(0, at);
  if (kind === 'reorder') {
    const other = (at + 1 + Math.floor(random() * (entries.length - 1))) % entries.length;
    return entries.with(at, entries[other] as string).with(other, text);
  }
  // One bit of one character, within ASCII.
  const place = Math.floor(random() * text.length);
  const code = text.charCodeAt(place) ^ (1 << Math.floor(random() * 6));
  return entries.with(at, text.slice(0, place) + String.fromCharCode(code) + text.slice(place + 1));
}

async function onServer(count: number) {
  return withServer(async (nats) => {
    const bus = await connectBus({ url: nats.url, name: 'bench', region: REGION });
    const log = await AuditLog.open({ bus, region: REGION, log: silentLog });
    const begun = performance.now();
    for (let n = 0; n < count; n += 1_000)
      await log.append(
        Array.from({ length: Math.min(1_000, count - n) }, (_, i) => ({ event: event(n + i) })),
      );
    const usEach = ((performance.now() - begun) * 1_000) / count;
    const single: number[] = [];
    for (let n = 0; n < 100; n++) {
      const from = performance.now();
      await log.append([{ event: event(n) }]);
      single.push((performance.now() - from) * 1_000);
    }
    await bus.drain();
    return {
      count,
      usEach,
      oneAtATimeUs: percentile(single, 0.5),
      oneAtATimeP99Us: percentile(single, 0.99),
    };
  });
}

/** A writer in a process of its own tells of each acknowledgement; it or its server is killed at some moment; then the log must have them all. */
async function killed(times: number) {
  return withServer(async (first, dir) => {
    let nats = first;
    let acknowledged = 0;
    let lost = 0;
    const kills = { writer: 0, server: 0 };
    for (let round = 0; round < times; round++) {
      const writer = fork(fileURLToPath(new URL('./audit/log-writer.js', import.meta.url)), [
        nats.url,
        REGION,
      ]);
      let told = 0;
      writer.on('message', (size: number) => (told = size));
      await until(() => told > 0);
      await sleep(20 + ((round * 37) % 80));
      if (round % 4 === 3) {
        kills.server++;
        process.kill(nats.pid, 'SIGKILL');
        await kill(writer);
        await nats.stop();
        nats = await startNats({ dir, region: REGION });
      } else {
        kills.writer++;
        await kill(writer);
      }
      const bus = await connectBus({ url: nats.url, name: 'bench', region: REGION });
      const { chain } = await AuditLog.open({ bus, region: REGION, log: silentLog });
      acknowledged = Math.max(acknowledged, told);
      lost += Math.max(0, told - chain.size);
      await bus.drain();
    }
    await nats.stop();
    return { times, kills, acknowledged, lost };
  });
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function until(met: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (met()) return;
    await sleep(5);
  }
  throw new Error('the writer wrote nothing within ten seconds');
}

async function withServer<T>(work: (nats: NatsServer, dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'massif-audit-bench-'));
  const nats = await startNats({ dir, region: REGION });
  try {
    return await work(nats, dir);
  } finally {
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}
