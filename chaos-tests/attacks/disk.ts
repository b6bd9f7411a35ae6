// Attempts on what a shard host keeps: the file of a version in its cache is changed while the version is not served or while the host is away, or
// the store has other bytes by the time of a new replica. It got through when the version answers otherwise than it did. Each control is a version
// that was signed with such other bytes: it is served, and answers otherwise.
import { rm, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buckets } from '../../contracts/buckets.js';
import type { HostedShard } from '../../services/shard/testing/hosted-shard.js';
import type { SignedVersion } from '../../services/shard/testing/signed-version.js';
import type { BusResult } from './bus.js';
import { anyModel, makeVersion, REGION } from './kit.js';

const x = { name: 'x', datatype: 'FP32' as const, shape: [1, 784], data: new Float32Array(784).fill(0.5) };

interface Way {
  readonly name: string;
  /** What lies there then; a link, with the times of before, or simply bytes. */
  readonly change: (bytes: Uint8Array) => Uint8Array;
  readonly as?: 'link' | 'with its old times';
}

const WAYS: readonly Way[] = [
  { name: 'another model', change: () => anyModel() },
  { name: 'another model with the times of before', change: () => anyModel(), as: 'with its old times' },
  { name: 'a link to another model', change: () => anyModel(), as: 'link' },
  { name: 'a bit of a weight', change: (bytes) => flipped(bytes, bytes.length >> 1) },
  { name: 'half of it', change: (bytes) => bytes.slice(0, bytes.length >> 1) },
  { name: 'another model behind it', change: (bytes) => Buffer.concat([bytes, anyModel()]) },
];

interface Target {
  readonly way: Way;
  readonly version: SignedVersion;
  readonly changed: Uint8Array;
  readonly before: string;
}

export async function attackDisk(shard: HostedShard, waysMax: number): Promise<BusResult[]> {
  const ways = WAYS.slice(0, waysMax);
  const control = await controlHolds(shard);
  const result = (name: string, through: string[]): BusResult => ({
    name,
    attempts: ways.length,
    through,
    controlThrough: control,
  });
  const results: BusResult[] = [];
  const again = await targets(shard, ways);
  for (const one of again) await changeFile(shard, one);
  results.push(result('a cached file changed before it is placed again', await fooled(shard, again)));

  const away = await targets(shard, ways);
  await shard.stopHost();
  for (const one of away) await changeFile(shard, one);
  await shard.startHost();
  results.push(result('a cached file changed while the host was away', await fooled(shard, away)));

  const renewed = await targets(shard, ways);
  await shard.stopHost();
  const store = await shard.bus.object(buckets.artifacts(REGION));
  for (const { version, changed } of renewed) {
    await rm(pathOf(shard, version), { force: true });
    await store.putBlob({ name: digestOf(version) }, changed);
  }
  await shard.startHost();
  results.push(result('the store changed before a new replica', await fooled(shard, renewed)));
  return results;
}

/** Versions that were served, with what they answer. */
async function targets(shard: HostedShard, ways: readonly Way[]): Promise<Target[]> {
  const versions = ways.map(() => makeVersion());
  await shard.serve(...versions);
  const found: Target[] = [];
  for (const [i, version] of versions.entries()) {
    const way = ways[i] as Way;
    const [bytes = new Uint8Array()] = version.resources.values();
    found.push({ way, version, changed: way.change(bytes), before: await answerOf(shard, version) });
  }
  await shard.place();
  for (const version of versions) await shard.until(version, 'gone');
  return found;
}

/** Names of the ways in which a version answers otherwise now. */
async function fooled(shard: HostedShard, all: readonly Target[]): Promise<string[]> {
  const versions = all.map(({ version }) => version);
  await shard.place(...versions);
  const through: string[] = [];
  for (const { way, version, before } of all) {
    await shard.decided(version);
    if (shard.replica(version)?.state === 'ready' && (await answerOf(shard, version)) !== before)
      through.push(way.name);
  }
  await shard.place();
  for (const version of versions) await shard.until(version, 'gone');
  return through;
}

async function changeFile(shard: HostedShard, { way, version, changed }: Target): Promise<void> {
  const path = pathOf(shard, version);
  const { atime, mtime } = await stat(path);
  await unlink(path);
  if (way.as === 'link') {
    await writeFile(`${path}.other`, changed);
    await symlink(`${path}.other`, path);
  } else await writeFile(path, changed);
  if (way.as === 'with its old times') await utimes(path, atime, mtime);
}

async function controlHolds(shard: HostedShard): Promise<boolean> {
  const [one, other] = [makeVersion(), makeVersion()];
  await shard.serve(one, other);
  const answers = [await answerOf(shard, one), await answerOf(shard, other)];
  await shard.place();
  for (const version of [one, other]) await shard.until(version, 'gone');
  return answers[0] !== answers[1];
}

async function answerOf(shard: HostedShard, version: SignedVersion): Promise<string> {
  return JSON.stringify(
    Array.from((await shard.call(version, [x])).response?.outputs[0]?.data ?? [], String),
  );
}

const digestOf = ({ resources }: SignedVersion): string => [...resources.keys()][0] ?? '';
const pathOf = (shard: HostedShard, version: SignedVersion): string =>
  join(shard.dataDir, 'artifacts', digestOf(version));

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const other = bytes.slice();
  other[at] = (other[at] ?? 0) ^ 0x40;
  return other;
}
