// The log on a real JetStream: written once, in order, by whoever is alive, and provable.
import { createPublicKey } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { streams } from '../../contracts/buckets.js';
import type { AuditEntry } from '../../contracts/audit.js';
import { subjects } from '../../contracts/subjects.js';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { verifierOf } from '../mesh/audit/note.js';
import { verifyLog } from '../mesh/audit/verify-log.js';
import { type Bus, connectBus } from '../mesh/bus.js';
import { systemClock } from '../mesh/clock.js';
import { silentLog } from '../mesh/log.js';
import { systemRandom } from '../mesh/random.js';
import { newKeyPair, privateKeyOf } from '../mesh/trust/signing-key.js';
import { eventOf, tellAudit } from '../mesh/tell-audit.js';
import { waitUntil } from '../mesh/testing/wait-until.js';
import { AuditLog } from './audit-log.js';
import { Checkpoints } from './checkpoints.js';
import { Intake } from './intake.js';

const key = privateKeyOf(newKeyPair('auditor').privateKeyPem);
const verifier = verifierOf('massif-audit-east', createPublicKey(key));
let dir: string;
let nats: NatsServer;
let bus: Bus;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-auditor-'));
  nats = await startNats({ dir: join(dir, 'nats'), region: 'east' });
  bus = await connectBus({ url: nats.url, name: 'auditor', region: 'east' });
});
afterEach(async () => {
  await bus.drain();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

const event = (n: number) =>
  eventOf({ who: 'ada', action: 'test.done', about: { n }, outcome: 'done' }, 'tester', { now: () => n });
const openLog = (onEntry?: (entry: AuditEntry) => void) =>
  AuditLog.open({ bus, region: 'east', log: silentLog, ...(onEntry && { onEntry }) });
const numbers = async (log: AuditLog): Promise<number[]> =>
  (await log.read(0, 10_000)).map((text) => Number((JSON.parse(text) as AuditEntry).about['n']));
const openCheckpoints = (audit: AuditLog) =>
  Checkpoints.open({
    bus,
    audit,
    key,
    region: 'east',
    regions: ['east'],
    path: join(dir, 'audit', 'checkpoints'),
    everyMs: 60_000,
    clock: systemClock,
    log: silentLog,
  });

test('what is appended is read back as it was hashed, by this auditor and by the next, and the server lets nobody delete it', async () => {
  const log = await openLog();
  await log.append(Array.from({ length: 600 }, (_, n) => ({ event: event(n) })));
  const heard: number[] = [];
  const next = await openLog(({ index }) => heard.push(index));
  expect(next.chain.tree.root()).toEqual(log.chain.tree.root());
  expect(heard).toEqual(Array.from({ length: 600 }, (_, n) => n));
  expect(await numbers(next)).toEqual(heard);
  expect(await next.read(598, 10)).toHaveLength(2);
  const manager = await bus.js.jetstreamManager();
  await expect(manager.streams.deleteMessage(streams.auditLog('east'), 5)).rejects.toThrow();
  await expect(manager.streams.purge(streams.auditLog('east'))).rejects.toThrow();
});

test('two auditors that write at once make one log, in which each entry stands once', async () => {
  const [one, two] = [await openLog(), await openLog()];
  await Promise.all([
    ...Array.from({ length: 20 }, (_, n) => one.append([{ event: event(n) }])),
    ...Array.from({ length: 20 }, (_, n) => two.append([{ event: event(100 + n) }])),
  ]);
  const found = await numbers(await openLog());
  expect(found.toSorted((a, b) => a - b)).toEqual([
    ...Array.from({ length: 20 }, (_, n) => n),
    ...Array.from({ length: 20 }, (_, n) => 100 + n),
  ]);
});

test('what is told while no auditor lives is written by the next one, once, also when its acknowledgement was lost', async () => {
  const parts = { bus, region: 'east', clock: systemClock, random: systemRandom, log: silentLog };
  const tell = tellAudit(bus, 'tester', systemClock);
  const say = (n: number) => tell({ who: 'ada', action: 'test.done', about: { n }, outcome: 'done' });
  const first = await openLog();
  // Acknowledges nothing: as if it were killed right after it wrote.
  const dead = new Intake({ ...parts, audit: unacknowledged(first) });
  await dead.begin();
  say(0);
  say(1);
  await waitUntil('both are written', () => first.chain.size === 2);
  await dead.end();
  say(2);
  bus.nc.publish(subjects.auditEvents(), 'no JSON');
  await bus.nc.flush();

  const second = await openLog();
  const intake = new Intake({ ...parts, audit: second });
  await intake.begin();
  say(3);
  await waitUntil('all are written', () => second.chain.size === 5, 30_000);
  await intake.end();
  expect(await numbers(second)).toEqual([0, 1, 2, NaN, 3]);
  const [, , , unreadable] = await second.read(0, 4);
  expect(JSON.parse(unreadable ?? '')).toMatchObject({ action: 'audit.unreadable', outcome: 'refused' });
}, 60_000);

test('checkpoints lie in a file and in a bucket, verify the log, and stop an auditor whose log is another', async () => {
  const log = await openLog();
  await log.append([{ event: event(0) }, { event: event(1) }]);
  const checkpoints = await openCheckpoints(log);
  const note = await checkpoints.current();
  await log.append([{ event: event(2) }]);
  await checkpoints.close();
  const notes = await checkpoints.all(10);
  expect(notes).toHaveLength(2);
  expect(notes[0]).toBe(note);
  const texts = await log.read(0, 10);
  expect(verifyLog(texts, notes, verifier)).toMatchObject({ entries: 3, covered: 3, findings: [] });
  const kept = await (await bus.kv('massif_checkpoints_east')).get('slot.3');
  expect(kept?.string()).toBe(notes[1]);
  expect(await readFile(join(dir, 'audit', 'checkpoints'), 'utf8')).toContain(note);

  await (await bus.js.jetstreamManager()).streams.delete(streams.auditLog('east'));
  const emptied = await openLog();
  await expect(openCheckpoints(emptied)).rejects.toThrow('not the one that was signed');
});

function unacknowledged(log: AuditLog): Pick<AuditLog, 'append' | 'lastIntake'> {
  return {
    get lastIntake() {
      return log.lastIntake;
    },
    append: async (incoming) => {
      await log.append(incoming);
      throw new Error('killed');
    },
  };
}
