// The classes of attempts on the bus: somebody with one user's key says or hears what belongs to another. Each has a control, in which the
// user whom the contracts name does the same and succeeds.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { buckets } from '../contracts/buckets.js';
import { type BusUser, inboxPrefix } from '../contracts/bus-users.js';
import { subjects } from '../contracts/subjects.js';
import { busKeyPath, prepareBusKeys } from '../deploy/local/bus-keys.js';
import { startNats } from '../deploy/local/nats.js';
import { type Bus, connectBus } from '../services/mesh/bus.js';
import { connectAs } from '../services/mesh/bus-key.js';

export interface BusAttack {
  readonly name: string;
  /** Whose key was stolen. */
  readonly by: readonly BusUser[];
  /** Who may. */
  readonly control: BusUser;
  /** `say`: it reaches `heardBy`. `hear`: what `saidBy` says reaches the thief. `write`: the bucket has one entry more. */
  readonly does:
    | { readonly say: string; readonly heardBy: BusUser }
    | { readonly hear: string; readonly saidBy: BusUser }
    | { readonly write: string; readonly bucket: string };
}

const REGION = 'east';
const inbox = (user: BusUser): string => `${inboxPrefix(user)}.answers.1`;
const catalog = buckets.catalog(REGION);

export const BUS_ATTACKS: readonly BusAttack[] = [
  {
    name: 'an order to deploy from a service that gives none',
    by: ['engine', 'shard', 'router', 'trainer', 'client', 'application', 'guest'],
    control: 'operator',
    does: { say: subjects.registry('deploy'), heardBy: 'registry' },
  },
  {
    name: 'an order to push from an application',
    by: ['client', 'application', 'guest', 'engine', 'router'],
    control: 'trainer',
    does: { say: subjects.registry('push'), heardBy: 'registry' },
  },
  {
    name: 'a promotion from outside the doors',
    by: ['engine', 'shard', 'autoscaler', 'client', 'guest'],
    control: 'gateway',
    does: { say: subjects.release('promote'), heardBy: 'registry' },
  },
  {
    name: 'a key of the doors issued by another than the operator',
    by: ['gateway', 'router', 'shard', 'client', 'guest'],
    control: 'operator',
    does: { say: subjects.identity('issue'), heardBy: 'gateway' },
  },
  {
    name: 'a forged heartbeat',
    by: ['engine', 'router', 'client', 'application', 'guest'],
    control: 'shard',
    does: { say: subjects.heartbeat(REGION, 'shard-1'), heardBy: 'router' },
  },
  {
    name: 'a forged event of a release',
    by: ['router', 'shard', 'engine', 'client', 'guest'],
    control: 'registry',
    does: { say: subjects.releaseEvents(), heardBy: 'operator' },
  },
  {
    name: 'a deed told in the name of a process',
    by: ['engine', 'operator', 'client', 'application', 'guest'],
    control: 'registry',
    does: { say: subjects.auditEvents(), heardBy: 'operator' },
  },
  {
    name: 'answers to a router read by another',
    by: ['shard', 'engine', 'gateway', 'client', 'guest'],
    control: 'router',
    does: { hear: inbox('router'), saidBy: 'engine' },
  },
  {
    name: 'answers to an application read by another',
    by: ['shard', 'engine', 'operator', 'application', 'guest'],
    control: 'client',
    does: { hear: inbox('client'), saidBy: 'engine' },
  },
  {
    name: 'requests for inferences read by another than the router',
    by: ['shard', 'engine', 'registry', 'client', 'guest'],
    control: 'router',
    does: { hear: subjects.infer('ocr'), saidBy: 'application' },
  },
  {
    name: 'a replica impersonated',
    by: ['shard', 'router', 'client', 'application', 'guest'],
    control: 'engine',
    does: { hear: subjects.run('replica-1'), saidBy: 'router' },
  },
  {
    name: 'the catalog written by another than the registry',
    by: ['router', 'gateway', 'shard', 'engine', 'operator', 'client', 'guest'],
    control: 'registry',
    does: { write: `$KV.${catalog}.endpoint.stolen`, bucket: catalog },
  },
  {
    name: 'the catalog written through another domain',
    by: ['router', 'gateway', 'shard', 'operator', 'client', 'guest'],
    control: 'registry',
    does: { write: `$JS.${REGION}.API.$KV.${catalog}.endpoint.stolen`, bucket: catalog },
  },
  {
    name: 'tenants and keys written by another than a gateway',
    by: ['registry', 'router', 'shard', 'operator', 'guest'],
    control: 'gateway',
    does: { write: `$KV.${buckets.identity(REGION)}.tenant.rich`, bucket: buckets.identity(REGION) },
  },
];

export interface BusResult {
  readonly name: string;
  readonly attempts: number;
  readonly through: readonly string[];
  readonly controlThrough: boolean;
}

/** Every class by every thief it names, against a real server with the users that `npm start` makes. */
export async function attackBus(classes = BUS_ATTACKS): Promise<BusResult[]> {
  const dir = await mkdtemp(join(tmpdir(), 'massif-bus-attacks-'));
  const keys = join(dir, 'keys');
  const access = await prepareBusKeys(keys, [REGION], { guests: true });
  await using nats = await startNats({ dir: join(dir, 'nats'), region: REGION, access });
  const busOf = (user: BusUser): Promise<Bus> =>
    connectBus({ url: nats.url, name: user, key: busKeyPath(keys, user) });
  const owners = await Promise.all([busOf('registry'), busOf('gateway')]);
  try {
    await owners[0].kv(catalog, { create: {} });
    await owners[1].kv(buckets.identity(REGION), { create: {} });
    const connection = (user: BusUser): Promise<NatsConnection> =>
      connect({ ...connectAs(user === 'guest' ? undefined : busKeyPath(keys, user)), servers: nats.url });
    const results: BusResult[] = [];
    for (const { name, by, control, does } of classes) {
      const through: string[] = [];
      for (const thief of by) if (await succeeds(does, thief, connection, owners)) through.push(thief);
      const controlThrough = await succeeds(does, control, connection, owners);
      results.push({ name, attempts: by.length, through, controlThrough });
    }
    return results;
  } finally {
    await Promise.all(owners.map((bus) => bus.drain()));
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function succeeds(
  does: BusAttack['does'],
  user: BusUser,
  connection: (user: BusUser) => Promise<NatsConnection>,
  [registry, gateway]: readonly [Bus, Bus],
): Promise<boolean> {
  const nc = await connection(user);
  try {
    if ('write' in does) {
      const owner = does.bucket === catalog ? registry : gateway;
      const before = (await (await owner.kv(does.bucket)).status()).streamInfo.state.last_seq;
      nc.publish(does.write, 'stolen');
      await nc.flush();
      await sleep(SETTLE_MS);
      return (await (await owner.kv(does.bucket)).status()).streamInfo.state.last_seq > before;
    }
    const other = await connection('say' in does ? does.heardBy : does.saidBy);
    try {
      const [speaker, listener] = 'say' in does ? [nc, other] : [other, nc];
      const subject = 'say' in does ? does.say : does.hear;
      let heard = 0;
      listener.subscribe(subject, { callback: (error) => void (error ?? heard++) });
      await listener.flush();
      speaker.publish(subject, '{}');
      await speaker.flush();
      await listener.flush();
      return heard > 0;
    } finally {
      await other.close();
    }
  } finally {
    await nc.close();
  }
}

/** A stream writes a moment after the server has taken a message. */
const SETTLE_MS = 50;
