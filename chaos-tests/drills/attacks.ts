// Tries to get versions served that nobody may serve, by every way that the gate closes: a real shard host with real engines is told to
// hold them. What none of them may do is become ready; and each class has a control that does, so that the refusal is the work of the one check.
import { seededRandom } from '../../services/mesh/random.js';
import { passGate } from '../../services/mesh/trust/gate.js';
import { checkResources, readBundle } from '../../services/mesh/trust/manifest.js';
import { openSession } from '../../services/onnx/session.js';
import { mlp } from '../../services/onnx/testing/mlp.js';
import { HostedShard } from '../../services/shard/testing/hosted-shard.js';
import type { SignedVersion } from '../../services/shard/testing/signed-version.js';
import type { AttackClass } from '../attacks/class.js';
import { CLASSES } from '../attacks/classes.js';
import { approved, lenientPolicy, makeVersion, REGION, sha, strictPolicy, TWO } from '../attacks/kit.js';
import { REVOKED } from '../attacks/policies.js';
import { attackBus, type BusResult } from '../attacks/bus.js';
import { attackConsul } from '../attacks/consul.js';
import { attackDisk } from '../attacks/disk.js';
import { attackAsShard, type FalseShardParts, passWithoutKeys } from '../attacks/false-shard.js';
import { type MeshOptions, startMesh } from '../harness.js';
import { type Drill, promise } from '../promises.js';

const SIZES = {
  ci: { attempts: 1, valid: 8, flips: 500 },
  quick: { attempts: 5, valid: 40, flips: 3_000 },
  full: { attempts: 12, valid: 100, flips: 10_000 },
};
const WIDTH = 784;
/** A host is given so many at once, as a placer would. */
const PLACED_AT_ONCE = 60;

interface Attempt {
  readonly of: AttackClass;
  readonly version: SignedVersion;
}

export const drill: Drill = async ({ form, seed, log }) => {
  const size = SIZES[form];
  const attempts: Attempt[] = CLASSES.flatMap((of) =>
    Array.from({ length: size.attempts }, (_, i) => ({ of, version: of.make(i) })),
  );
  const revoked = attempts
    .filter(({ of }) => of.name === REVOKED)
    .map(({ version }) => version.record.digest);
  await using shard = await HostedShard.start();
  shard.policy = strictPolicy(1, revoked);

  const served = await ready(
    shard,
    attempts.map(({ version }) => version),
  );
  const through = attempts.filter(({ version }) => served.has(version.record.digest));
  log(`${attempts.length} attempts of ${CLASSES.length} classes, ${through.length} served`);
  const valid = Array.from({ length: size.valid }, (_, i) =>
    i % 4 === 0
      ? makeVersion({
          model: `${TWO}-valid-${i}`,
          approvals: (of) => [approved(of, 'bob'), approved(of, 'cid')],
        })
      : makeVersion(),
  );
  const held = await ready(shard, valid);
  log(`${valid.length} valid versions, ${held.size} served`);
  const controls = await controlled(shard, attempts);
  for (const { name, held: holds } of controls)
    if (!holds) log(`the control of "${name}" did not get through`);
  const onDisk = await attackDisk(shard, form === 'ci' ? 2 : 6);
  const flips = flipped(size.flips, seed);
  log(`${size.flips} bits of bundles and models flipped, ${flips} accepted`);

  const onBus = [
    ...onDisk,
    ...(await attackBus()),
    ...(await attackConsul()),
    ...(form === 'ci' ? [] : await falseShards(log)),
  ];
  const busAttempts = onBus.reduce((sum, one) => sum + one.attempts, 0);
  const busThrough = onBus.flatMap((one) => one.through.map((user) => `${one.name}: ${user}`));
  const busControls = onBus.filter((one) => !one.controlThrough).map(({ name }) => name);
  const busOff = onBus.filter((one) => one.offThrough === false).map(({ name }) => name);
  log(
    `${busAttempts} attempts of ${onBus.length} classes on disk, bus and Consul, ${busThrough.length} got through`,
  );
  for (const one of [...busThrough, ...busControls, ...busOff]) log(`on disk, bus or Consul: ${one}`);

  const fewestWays = Math.min(...CLASSES.map(({ ways }) => ways));
  return {
    requests: attempts.length + valid.length + busAttempts,
    failed: through.length + busThrough.length,
    attempts: attempts.length + busAttempts,
    promises: [
      promise('attempts that were served', through.length, '==', 0, 'versions'),
      promise('valid versions refused', valid.length - held.size, '==', 0, 'versions'),
      promise('attempts on disk, bus and Consul that got through', busThrough.length, '==', 0, 'attempts'),
      promise(
        'controls on disk, bus and Consul that did not get through',
        busControls.length,
        '==',
        0,
        'classes',
      ),
      promise(
        'the same with the one right given that did not get through',
        busOff.length,
        '==',
        0,
        'classes',
      ),
      promise('flipped bits accepted', flips, '==', 0, `of ${size.flips}`),
      promise('classes', CLASSES.length + onBus.length, '>=', 40, 'classes'),
      promise('different ways in the class with fewest', fewestWays, '>=', 5, 'ways'),
      promise(
        'controls that did not get through',
        controls.filter((one) => !one.held).length,
        '==',
        0,
        'classes',
      ),
    ],
    results: {
      attempts: attempts.length,
      classes: CLASSES.map(({ name }) => name),
      controls: controls.length,
      busAttempts,
      busClasses: onBus.map(({ name }) => name),
      ways: Object.fromEntries(CLASSES.map(({ name, ways }) => [name, ways])),
      served: through.map(({ of }) => of.name),
    },
  };
};

/** Against a whole mesh: what a false shard does is seen by whether anybody believes it. Then on one where nobody shows a key. */
async function falseShards(log: (line: string) => void): Promise<BusResult[]> {
  const results = await onMesh({}, attackAsShard, log);
  const passed = await onMesh({ development: true }, passWithoutKeys, log);
  return results.map((one) => ({ ...one, offThrough: passed.has(one.name) }));
}

async function onMesh<T>(
  options: MeshOptions,
  attack: (parts: FalseShardParts) => Promise<T>,
  log: (line: string) => void,
): Promise<T> {
  await using mesh = await startMesh({ ...options, regions: ['east'] });
  const endpoint = 'attacked';
  await mesh.publish(endpoint, [{ name: 'model.onnx', bytes: mlp(1) }], 1);
  log('a mesh of one region serves');
  const x = { data: new Float32Array(WIDTH), shape: [1, WIDTH] };
  // Awaited here: the mesh ends with this block.
  return await attack({
    mesh,
    endpoint,
    ask: (client) => client.infer(endpoint, { x }, { timeoutMs: 2_000 }),
  });
}

/** Digests of those that the host ever had ready, once it has said yes or no to each of them. */
async function ready(shard: HostedShard, versions: readonly SignedVersion[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let from = 0; from < versions.length; from += PLACED_AT_ONCE) {
    const part = versions.slice(from, from + PLACED_AT_ONCE);
    for (const version of part) await shard.publish(version);
    await shard.place(...part);
    for (const version of part) await shard.decided(version);
    await shard.place();
    for (const version of part) await shard.until(version, 'gone');
    const asked = new Set(part.map(({ record }) => record.digest));
    for (const { version, state } of shard.beats.flatMap(({ replicas }) => replicas))
      if (state === 'ready' && asked.has(version)) found.add(version);
  }
  return found;
}

/** One of each class, with its check switched off. */
async function controlled(
  shard: HostedShard,
  attempts: readonly Attempt[],
): Promise<{ readonly name: string; readonly held: boolean }[]> {
  const firsts = CLASSES.flatMap((of) => attempts.find((attempt) => attempt.of === of) ?? []);
  const results: { name: string; held: boolean }[] = [];
  // A host remembers what it read of a version; its next life reads what lies there now.
  await shard.stopHost();
  await shard.startHost();
  const twins = firsts.filter(({ of }) => of.control === 'twin');
  const whole = twins.flatMap(({ of, version }) => of.twin?.(version) ?? []);
  const served = await ready(shard, whole);
  for (const [i, { of }] of twins.entries())
    results.push({ name: of.name, held: served.has(whole[i]?.record.digest ?? '') });

  const lenient = firsts.filter(({ of }) => of.control === 'lenient');
  shard.policy = lenientPolicy(2);
  const allowed = await ready(
    shard,
    lenient.map(({ version }) => version),
  );
  for (const { of, version } of lenient)
    results.push({ name: of.name, held: allowed.has(version.record.digest) });

  for (const { of, version } of firsts.filter((one) => one.of.control === 'runtime')) {
    const [bytes] = version.resources.values();
    const held = await openSession(bytes ?? new Uint8Array()).then(
      (session) => session.close().then(() => true),
      () => false,
    );
    results.push({ name: of.name, held });
  }
  return results;
}

/** One bit of the bundle's text or of the model, anywhere. */
function flipped(count: number, seed: number): number {
  const random = seededRandom(seed);
  const policy = strictPolicy(1, []);
  const { record, resources } = makeVersion();
  const bundle = Buffer.from(JSON.stringify(record.bundle));
  const [model = new Uint8Array()] = resources.values();
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const bytes = i % 2 === 0 ? Buffer.from(bundle) : Buffer.from(model);
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    try {
      const given = i % 2 === 0 ? readBundle(bytes) : record.bundle;
      const { resources: signed } = passGate({ ...record, bundle: given }, policy, {
        nowMs: Date.parse('2026-06-01T00:00:00Z'),
        region: REGION,
      });
      const digest = sha(i % 2 === 0 ? model : bytes);
      checkResources({ resources: signed }, [{ name: 'model.onnx', digest }]);
      accepted++;
    } catch {
      // Refused, as it should be.
    }
  }
  return accepted;
}
