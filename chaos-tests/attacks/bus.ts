// The classes of attempts on the bus: somebody with one user's key says or hears what belongs to another. Each has two controls: the
// user whom the contracts name does the same and succeeds, and so does a thief to whom that one right is given.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import {
  AuthorizationError,
  connect,
  type NatsConnection,
  nkeyAuthenticator,
  nkeys,
} from '@nats-io/transport-node';
import { buckets } from '../../contracts/buckets.js';
import { type BusUser, inboxPrefix, permissionsOf } from '../../contracts/bus-users.js';
import { subjects } from '../../contracts/subjects.js';
import { type AlsoUser, busKeyPath, prepareBusKeys } from '../../deploy/local/bus-keys.js';
import { startNats } from '../../deploy/local/nats.js';
import { type Bus, connectBus } from '../../services/mesh/bus.js';
import { connectAs } from '../../services/mesh/bus-key.js';

export type Thief = BusUser | 'stranger';

export interface BusAttack {
  readonly name: string;
  /** Whose key was stolen; a stranger has none. */
  readonly by: readonly Thief[];
  /** Who may. */
  readonly control: BusUser;
  /** `say`: it reaches `heardBy`. `hear`: what `saidBy` says reaches the thief. `write`: the bucket has one entry more. */
  readonly does:
    | { readonly say: string; readonly heardBy: BusUser }
    | { readonly hear: string; readonly saidBy: BusUser }
    | { readonly write: string; readonly bucket: string; readonly object?: boolean };
}

type Written = Extract<BusAttack['does'], { write: string }>;

const REGION = 'east';
const inbox = (user: BusUser): string => `${inboxPrefix(user)}.answers.1`;
const catalog = buckets.catalog(REGION);

export const BUS_ATTACKS: readonly BusAttack[] = [
  {
    name: 'an order to deploy from a service that gives none',
    by: ['engine', 'shard', 'router', 'trainer', 'client', 'application', 'stranger'],
    control: 'operator',
    does: { say: subjects.registry('deploy'), heardBy: 'registry' },
  },
  {
    name: 'an order to push from an application',
    by: ['client', 'application', 'stranger', 'engine', 'router'],
    control: 'trainer',
    does: { say: subjects.registry('push'), heardBy: 'registry' },
  },
  {
    name: 'a promotion from outside the doors',
    by: ['engine', 'shard', 'autoscaler', 'client', 'stranger'],
    control: 'gateway',
    does: { say: subjects.release('promote'), heardBy: 'registry' },
  },
  {
    name: 'a key of the doors issued by another than the operator',
    by: ['gateway', 'router', 'shard', 'client', 'stranger'],
    control: 'operator',
    does: { say: subjects.identity('issue'), heardBy: 'gateway' },
  },
  {
    name: 'a forged heartbeat',
    by: ['engine', 'router', 'client', 'application', 'stranger'],
    control: 'shard',
    does: { say: subjects.heartbeat(REGION, 'shard-1'), heardBy: 'router' },
  },
  {
    name: 'a forged event of a release',
    by: ['router', 'shard', 'engine', 'client', 'stranger'],
    control: 'registry',
    does: { say: subjects.releaseEvents(), heardBy: 'operator' },
  },
  {
    name: 'a deed told in the name of a process',
    by: ['engine', 'operator', 'client', 'application', 'stranger'],
    control: 'registry',
    does: { say: subjects.auditEvents(), heardBy: 'operator' },
  },
  {
    name: 'answers to a router read by another',
    by: ['shard', 'engine', 'gateway', 'client', 'stranger'],
    control: 'router',
    does: { hear: inbox('router'), saidBy: 'engine' },
  },
  {
    name: 'answers to an application read by another',
    by: ['shard', 'engine', 'operator', 'application', 'stranger'],
    control: 'client',
    does: { hear: inbox('client'), saidBy: 'engine' },
  },
  {
    name: 'requests for inferences read by another than the router',
    by: ['shard', 'engine', 'registry', 'client', 'stranger'],
    control: 'router',
    does: { hear: subjects.infer('ocr'), saidBy: 'application' },
  },
  {
    name: 'a replica impersonated',
    by: ['shard', 'router', 'client', 'application', 'stranger'],
    control: 'engine',
    does: { hear: subjects.run('replica-1'), saidBy: 'router' },
  },
  {
    name: 'a forged observation of an answer',
    by: ['shard', 'router', 'gateway', 'operator', 'client', 'application', 'stranger'],
    control: 'engine',
    does: { say: subjects.observed(REGION), heardBy: 'auditor' },
  },
  {
    name: 'forged evidence for a release',
    by: ['shard', 'engine', 'trainer', 'application', 'stranger'],
    control: 'router',
    does: { say: subjects.evidence(REGION), heardBy: 'registry' },
  },
  {
    name: 'a forged verdict',
    by: ['engine', 'shard', 'registry', 'router', 'operator', 'client', 'stranger'],
    control: 'auditor',
    does: { say: subjects.verdictEvents(), heardBy: 'operator' },
  },
  {
    name: 'a forged alert',
    by: ['engine', 'shard', 'registry', 'router', 'operator', 'client', 'stranger'],
    control: 'auditor',
    does: { say: subjects.alertEvents(), heardBy: 'operator' },
  },
  {
    name: 'an order of safety from another than operators and the auditor',
    by: ['engine', 'shard', 'router', 'gateway', 'registry', 'client', 'application', 'stranger'],
    control: 'operator',
    does: { say: subjects.override(REGION), heardBy: 'router' },
  },
  {
    name: 'a version taken down by another than the auditor',
    by: ['engine', 'shard', 'router', 'gateway', 'operator', 'client', 'stranger'],
    control: 'auditor',
    does: { say: subjects.registry('successor'), heardBy: 'registry' },
  },
  {
    name: 'a shard told to drain',
    by: ['engine', 'router', 'gateway', 'registry', 'client', 'application', 'stranger'],
    control: 'autoscaler',
    does: { say: subjects.shardControl('shard-1', 'drain'), heardBy: 'shard' },
  },
  {
    name: "a sequence's state forged",
    by: ['shard', 'router', 'gateway', 'operator', 'client', 'application', 'stranger'],
    control: 'engine',
    does: { say: subjects.sequenceHolder('holder-1'), heardBy: 'engine' },
  },
  {
    name: 'orders of safety written by another than a router',
    by: ['shard', 'engine', 'registry', 'gateway', 'operator', 'auditor', 'stranger'],
    control: 'router',
    does: { write: `$KV.${buckets.overrides(REGION)}.order.forged`, bucket: buckets.overrides(REGION) },
  },
  {
    name: 'a placement written by another than the registry',
    by: ['shard', 'engine', 'router', 'autoscaler', 'operator', 'client', 'stranger'],
    control: 'registry',
    does: { write: `$KV.${buckets.placement(REGION)}.shard-1`, bucket: buckets.placement(REGION) },
  },
  {
    name: "an artifact's bytes written by another than the registry",
    by: ['shard', 'engine', 'trainer', 'compressor', 'gateway', 'operator', 'stranger'],
    control: 'registry',
    does: {
      write: `$O.${buckets.artifacts(REGION)}.C.forged`,
      bucket: buckets.artifacts(REGION),
      object: true,
    },
  },
  {
    name: 'the catalog written by another than the registry',
    by: ['router', 'gateway', 'shard', 'engine', 'operator', 'client', 'stranger'],
    control: 'registry',
    does: { write: `$KV.${catalog}.endpoint.stolen`, bucket: catalog },
  },
  {
    name: 'the catalog written through another domain',
    by: ['router', 'gateway', 'shard', 'operator', 'client', 'stranger'],
    control: 'registry',
    does: { write: `$JS.${REGION}.API.$KV.${catalog}.endpoint.stolen`, bucket: catalog },
  },
  {
    name: 'tenants and keys written by another than a gateway',
    by: ['registry', 'router', 'shard', 'operator', 'stranger'],
    control: 'gateway',
    does: { write: `$KV.${buckets.identity(REGION)}.tenant.rich`, bucket: buckets.identity(REGION) },
  },
];

export interface BusResult {
  readonly name: string;
  readonly attempts: number;
  readonly through: readonly string[];
  /** Who may does the same. */
  readonly controlThrough: boolean;
  /** A thief to whom this one right is given, and nothing else, does the same; undefined where that was not tried. */
  readonly offThrough?: boolean;
}

/** A copy of the first thief who has a key, with the one right that stops him. */
function permitted({ by, does }: BusAttack) {
  const user = nkeys.createUser();
  const [thief = 'client'] = by.filter((one) => one !== 'stranger');
  const { publish, subscribe } = permissionsOf(thief, [REGION]);
  const right = 'hear' in does ? does.hear : 'write' in does ? does.write : does.say;
  // What is said to another domain is checked again there, under its own subject.
  const rightAndThere = [right, right.replace(`$JS.${REGION}.API.`, '')];
  const [said, heard] = 'hear' in does ? [[], rightAndThere] : [rightAndThere, []];
  const rights: AlsoUser = {
    key: user.getPublicKey(),
    publish: [...publish, ...said],
    subscribe: [...subscribe, ...heard],
  };
  return { rights, authenticator: nkeyAuthenticator(user.getSeed()) };
}

type Permitted = ReturnType<typeof permitted>;

/** Every class by every thief it names, against a real server with the users that `npm start` makes. */
export async function attackBus(classes = BUS_ATTACKS): Promise<BusResult[]> {
  const dir = await mkdtemp(join(tmpdir(), 'massif-bus-attacks-'));
  const keys = join(dir, 'keys');
  const off = new Map(classes.map((one) => [one.name, permitted(one)]));
  const also = [...off.values()].map(({ rights }) => rights);
  const access = await prepareBusKeys(keys, [REGION], { also });
  await using nats = await startNats({ dir: join(dir, 'nats'), region: REGION, access });
  const busOf = (user: BusUser): Promise<Bus> =>
    connectBus({ url: nats.url, name: user, key: busKeyPath(keys, user) });
  const [registry, gateway, router] = await Promise.all([
    busOf('registry'),
    busOf('gateway'),
    busOf('router'),
  ]);
  const owners = [registry, gateway, router];
  try {
    for (const name of [catalog, buckets.placement(REGION)]) await registry.kv(name, { create: {} });
    await gateway.kv(buckets.identity(REGION), { create: {} });
    await router.kv(buckets.overrides(REGION), { create: {} });
    await new Objm(registry.nc).create(buckets.artifacts(REGION));
    const lastIn = async ({ bucket, object }: Written): Promise<number> => {
      const stream = `${object === true ? 'OBJ' : 'KV'}_${bucket}`;
      const owner =
        bucket === buckets.identity(REGION)
          ? gateway
          : bucket === buckets.overrides(REGION)
            ? router
            : registry;
      return (await (await jetstreamManager(owner.nc)).streams.info(stream)).state.last_seq;
    };
    const connection = (user: Thief | Permitted): Promise<NatsConnection> =>
      connect({
        ...(typeof user === 'string'
          ? connectAs(user === 'stranger' ? undefined : busKeyPath(keys, user))
          : { authenticator: user.authenticator }),
        servers: nats.url,
        reconnect: false,
      });
    const results: BusResult[] = [];
    for (const { name, by, control, does } of classes) {
      const through: string[] = [];
      for (const thief of by) if (await succeeds(does, thief, connection, lastIn)) through.push(thief);
      const controlThrough = await succeeds(does, control, connection, lastIn);
      const offThrough = await succeeds(does, off.get(name) ?? 'stranger', connection, lastIn);
      results.push({ name, attempts: by.length, through, controlThrough, offThrough });
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
  user: Thief | Permitted,
  connection: (user: Thief | Permitted) => Promise<NatsConnection>,
  lastIn: (written: Written) => Promise<number>,
): Promise<boolean> {
  const nc = await connection(user).catch((error: unknown) => {
    if (error instanceof AuthorizationError) return undefined;
    throw error;
  });
  if (!nc) return false;
  try {
    if ('write' in does) {
      const before = await lastIn(does);
      nc.publish(does.write, 'stolen');
      await nc.flush();
      await sleep(SETTLE_MS);
      return (await lastIn(does)) > before;
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
