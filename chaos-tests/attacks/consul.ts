// The classes of attempts on Consul: somebody without a token, or with another service's, registers, deregisters, takes a leader's lock,
// writes, or reads secrets. Each has two controls: the token that may does the same and succeeds, and so
// does a thief's token to which that one right is given.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BusUser } from '../../contracts/bus-users.js';
import { leaseService, lockPrefix } from '../../contracts/presence.js';
import {
  type ConsulAccess,
  grantTokens,
  policyOf,
  prepareConsulTokens,
} from '../../deploy/local/consul-tokens.js';
import { startConsul } from '../../deploy/local/consul.js';
import type { BusResult } from './bus.js';

type Holder = BusUser | 'nobody' | 'bootstrap';

interface ConsulAttack {
  readonly name: string;
  readonly by: readonly Holder[];
  readonly control: Holder;
  /** The one right that stops a thief. */
  readonly right: string;
  /** True when Consul did it. */
  readonly does: (consul: Call) => Promise<boolean>;
}

interface Answer {
  readonly ok: boolean;
  readonly body: unknown;
}
/** As the holder of a token, or as the owner of what is attacked, to set the scene or to look. */
type Call = (method: string, path: string, body?: object, as?: Holder) => Promise<Answer>;

const REGION = 'east';

const registers = (service: string) => async (call: Call) => {
  const id = `false-${service}-${randomUUID()}`;
  await call('PUT', 'agent/service/register', { ID: id, Name: service });
  const { body } = await call('GET', 'agent/services', undefined, 'bootstrap');
  return id in (body as Record<string, unknown>);
};

const deregisters = (service: string) => async (call: Call) => {
  const id = `true-${service}-${randomUUID()}`;
  await call('PUT', 'agent/service/register', { ID: id, Name: service }, 'bootstrap');
  await call('PUT', `agent/service/deregister/${id}`);
  const { body } = await call('GET', 'agent/services', undefined, 'bootstrap');
  return !(id in (body as Record<string, unknown>));
};

const failsCheck = (service: string) => async (call: Call) => {
  const id = `true-${service}-${randomUUID()}`;
  const check = { CheckID: id, TTL: '60s', Status: 'passing' };
  await call('PUT', 'agent/service/register', { ID: id, Name: service, Check: check }, 'bootstrap');
  await call('PUT', `agent/check/fail/${id}`);
  const { body } = await call('GET', 'agent/checks', undefined, 'bootstrap');
  return (body as Record<string, { Status: string }>)[id]?.Status === 'critical';
};

const takesLock = (lease: string) => async (call: Call) => {
  const made = await call(
    'PUT',
    'session/create',
    { Name: 'thief', Behavior: 'delete', LockDelay: '0s' },
    'bootstrap',
  );
  const session = (made.body as { ID: string }).ID;
  const { body } = await call('PUT', `kv/${lockPrefix}${lease}?acquire=${session}`);
  await call('PUT', `session/destroy/${session}`, undefined, 'bootstrap');
  return body === true;
};

const endsSession = async (call: Call) => {
  const made = await call('PUT', 'session/create', { Name: 'leader' }, 'bootstrap');
  const session = (made.body as { ID: string }).ID;
  await call('PUT', `session/destroy/${session}`);
  const { body } = await call('GET', `session/info/${session}`, undefined, 'bootstrap');
  return (body as readonly unknown[]).length === 0;
};

const writes = (key: string) => async (call: Call) => {
  const { body } = await call('PUT', `kv/${key}`, { stolen: true });
  return body === true;
};

const reads = (path: string) => async (call: Call) => {
  const { ok, body } = await call('GET', path);
  return ok && Array.isArray(body) && body.length > 0;
};

const done = (method: string, path: string, body: () => object) => async (call: Call) =>
  (await call(method, path, body())).ok;

export const CONSUL_ATTACKS: readonly ConsulAttack[] = [
  {
    name: 'a false shard registers in Consul',
    by: ['nobody', 'operator', 'router', 'gateway', 'registry', 'autoscaler', 'trainer'],
    control: 'shard',
    right: 'service "shard" { policy = "write" }',
    does: registers('shard'),
  },
  {
    name: 'a false registry registers in Consul',
    by: ['nobody', 'operator', 'router', 'gateway', 'shard', 'autoscaler', 'auditor'],
    control: 'registry',
    right: 'service "registry" { policy = "write" }',
    does: registers('registry'),
  },
  {
    name: 'a false auditor registers in Consul',
    by: ['nobody', 'operator', 'router', 'edge', 'shard', 'registry'],
    control: 'control',
    right: 'service "auditor" { policy = "write" }',
    does: registers('auditor'),
  },
  {
    name: 'a shard taken out of Consul',
    by: ['nobody', 'operator', 'router', 'gateway', 'registry', 'control', 'edge'],
    control: 'shard',
    right: 'service "shard" { policy = "write" }',
    does: deregisters('shard'),
  },
  {
    name: 'a shard told dead in Consul',
    by: ['nobody', 'operator', 'router', 'gateway', 'registry', 'compressor'],
    control: 'shard',
    right: 'service "shard" { policy = "write" }',
    does: failsCheck('shard'),
  },
  {
    name: "the registry's lock taken",
    by: ['nobody', 'operator', 'router', 'shard', 'gateway', 'autoscaler', 'auditor'],
    control: 'registry',
    right: `key "${lockPrefix}registry" { policy = "write" }`,
    does: takesLock('registry'),
  },
  {
    name: "the autoscaler's lock taken",
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'trainer'],
    control: 'autoscaler',
    right: `key "${lockPrefix}autoscaler" { policy = "write" }`,
    does: takesLock('autoscaler'),
  },
  {
    name: "a leader's session ended",
    by: ['nobody', 'operator', 'router', 'shard', 'gateway', 'auditor', 'edge'],
    control: 'registry',
    right: 'session_prefix "" { policy = "write" }',
    does: endsSession,
  },
  {
    name: "a leader's check registered by another",
    by: ['nobody', 'operator', 'router', 'shard', 'autoscaler', 'auditor'],
    control: 'registry',
    right: `service "${leaseService('registry')}" { policy = "write" }`,
    does: registers(leaseService('registry')),
  },
  {
    name: "Consul's store written beside the locks",
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'control', 'edge'],
    control: 'bootstrap',
    right: 'key "massif/whitelist" { policy = "write" }',
    does: writes('massif/whitelist'),
  },
  {
    name: 'who is alive read without a right',
    by: ['nobody', 'trainer', 'compressor', 'autoscaler', 'shard'],
    control: 'router',
    right: 'service "shard" { policy = "read" } node_prefix "" { policy = "read" }',
    does: async (call) => {
      await call('PUT', 'agent/service/register', { ID: 'seen', Name: 'shard' }, 'bootstrap');
      return reads('health/service/shard')(call);
    },
  },
  {
    name: 'tokens listed',
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'control'],
    control: 'bootstrap',
    right: 'acl = "read"',
    does: reads('acl/tokens'),
  },
  {
    name: 'a token made',
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'control'],
    control: 'bootstrap',
    right: 'acl = "write"',
    does: done('PUT', 'acl/token', () => ({ Policies: [{ Name: 'massif-shard' }] })),
  },
  {
    name: 'a policy written',
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'control'],
    control: 'bootstrap',
    right: 'acl = "write"',
    does: done('PUT', 'acl/policy', () => ({ Name: `mine-${randomUUID()}`, Rules: 'acl = "write"' })),
  },
  {
    name: 'a node of its own in the catalog',
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'control'],
    control: 'bootstrap',
    right: 'node_prefix "" { policy = "write" } service "shard" { policy = "write" }',
    does: done('PUT', 'catalog/register', () => ({
      Node: `false-${randomUUID()}`,
      Address: '127.0.0.1',
      Service: { Service: 'shard' },
    })),
  },
  {
    name: 'a snapshot of everything taken, secrets and all',
    by: ['nobody', 'operator', 'router', 'shard', 'registry', 'control'],
    control: 'bootstrap',
    right: 'acl = "write"',
    does: async (call) => (await call('GET', 'snapshot')).ok,
  },
];

/** Every class by every holder it names, against a real server with the tokens that `npm start` makes. */
export async function attackConsul(classes = CONSUL_ATTACKS): Promise<BusResult[]> {
  const dir = await mkdtemp(join(tmpdir(), 'massif-consul-attacks-'));
  const access = await prepareConsulTokens(join(dir, 'keys'), [REGION]);
  const acl = access.configs[REGION];
  await using consul = await startConsul({ dir: join(dir, 'consul'), region: REGION, ...(acl && { acl }) });
  try {
    await grantTokens(consul.url, access, [REGION]);
    const results: BusResult[] = [];
    for (const { name, by, control, right, does } of classes) {
      const through: string[] = [];
      for (const holder of by) if (await does(callAs(consul.url, access, holder))) through.push(holder);
      const controlThrough = await does(callAs(consul.url, access, control));
      const thief = by.find((one) => one !== 'nobody') ?? 'operator';
      const offThrough = await does(await permitted(consul.url, access, thief, right));
      results.push({ name, attempts: by.length, through, controlThrough, offThrough });
    }
    return results;
  } finally {
    await consul.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** As a thief's token would, to which this one right is given. */
async function permitted(url: string, access: ConsulAccess, thief: Holder, right: string): Promise<Call> {
  const bootstrap = callAs(url, access, 'bootstrap');
  const name = `permitted-${randomUUID()}`;
  await bootstrap('PUT', 'acl/policy', { Name: name, Rules: right });
  const policies = [{ Name: policyOf(thief) }, { Name: name }];
  const { body } = await bootstrap('PUT', 'acl/token', { Policies: policies });
  return callAs(url, access, thief, (body as { SecretID: string }).SecretID);
}

const callAs =
  (url: string, { secrets }: ConsulAccess, holder: Holder, own?: string): Call =>
  async (method, path, body, as = holder) => {
    const secret = as === 'nobody' ? undefined : as === holder && own !== undefined ? own : secrets[as];
    if (as !== 'nobody' && secret === undefined) throw new Error(`${as} has no token`);
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: secret === undefined ? {} : { 'x-consul-token': secret },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { ok: answer.ok, body: parsed(text) };
  };

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
