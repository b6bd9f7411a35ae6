// The users of Consul on one machine: a token for each of contracts/consul-users.ts, made on the first start, and the rules that go with
// it. Everything that no token allows is denied. local-mesh.ts starts the servers with what is made here.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusUser } from '../../contracts/bus-users.js';
import { agentRules, consulUsers, REPLICATION_RULES, rulesOf } from '../../contracts/consul-users.js';
import { tokenFile } from '../../services/mesh/consul-token.js';

const FOLDER = 'consul';
/** May everything, and makes the others: nobody but this starter shows it. */
const BOOTSTRAP = 'bootstrap';
const REPLICATION = 'replication';
const agentOf = (region: string): string => `agent-${region}`;

// Of the whole and of each call: on busy cores an agent that has just been elected takes seconds to write a token.
const GRANTED_WITHIN_MS = 30_000;

export const consulTokenPath = (keys: string, user: BusUser): string => pathOf(keys, user);

export interface ConsulAccess {
  /** A configuration file for each region's server: deny by default, and the tokens it shows itself. */
  readonly configs: Readonly<Record<string, string>>;
  /** The secrets of everybody, the starter's own included. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Makes what is missing in the folder of keys. The first region is the home: it keeps tokens and rules, the others fetch them. */
export async function prepareConsulTokens(keys: string, regions: readonly string[]): Promise<ConsulAccess> {
  await mkdir(join(keys, FOLDER), { recursive: true, mode: 0o700 });
  const names = [BOOTSTRAP, REPLICATION, ...regions.map(agentOf), ...consulUsers];
  const secrets = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await kept(pathOf(keys, name))] as const)),
  );
  const configs = Object.fromEntries(
    await Promise.all(
      regions.map(async (region, index) => {
        const path = join(keys, FOLDER, `acl-${region}.json`);
        const tokens = {
          agent: secrets[agentOf(region)],
          ...(index === 0 ? { master: secrets[BOOTSTRAP] } : { replication: secrets[REPLICATION] }),
        };
        await write(path, JSON.stringify(aclConfig(regions[0] ?? region, tokens), null, 2));
        return [region, path] as const;
      }),
    ),
  );
  return { configs, secrets };
}

/**
 * `master` is what Consul up to 1.10 calls the first token; later ones still take it. A region that is cut off goes on with the tokens it
 * fetched, hence the replication.
 */
const aclConfig = (home: string, tokens: Readonly<Record<string, string | undefined>>) => ({
  primary_datacenter: home,
  acl: {
    enabled: true,
    default_policy: 'deny',
    down_policy: 'extend-cache',
    enable_token_replication: true,
    tokens,
  },
});

/** Tells the home's Consul who may what, once it leads; the same again changes nothing. */
export async function grantTokens(
  homeUrl: string,
  { secrets }: ConsulAccess,
  regions: readonly string[],
): Promise<void> {
  const api = new AclApi(homeUrl, secrets[BOOTSTRAP] ?? '');
  await waitForToken(homeUrl, secrets[BOOTSTRAP] ?? '');
  const rules: [string, object][] = [
    [REPLICATION, REPLICATION_RULES],
    ...regions.map((region): [string, object] => [agentOf(region), agentRules(region)]),
    ...consulUsers.map((user): [string, object] => [user, rulesOf(user, regions)]),
  ];
  const known = await api.policies();
  await Promise.all(
    rules.map(async ([name, of]) => {
      await api.putPolicy(policyOf(name), of, known.get(policyOf(name)));
      await api.putToken(name, secrets[name] ?? '');
    }),
  );
}

/** Waits until a region's Consul knows the token: the home's own are there at once, the others fetch them. */
export async function waitForToken(url: string, secret: string): Promise<void> {
  const signal = AbortSignal.timeout(GRANTED_WITHIN_MS);
  const api = new AclApi(url, secret);
  while (!(await api.knowsItself())) {
    if (signal.aborted)
      throw new Error(`Consul at ${url} did not learn its tokens within ${GRANTED_WITHIN_MS / 1000} s.`);
    await sleep(100);
  }
}

/** The calls to Consul's list of tokens that a starter makes. */
class AclApi {
  constructor(
    private readonly url: string,
    private readonly secret: string,
  ) {}

  async knowsItself(): Promise<boolean> {
    return this.ask('GET', 'token/self').then(
      (answer) => answer.ok,
      () => false,
    );
  }

  /** The ids of policies, by name. */
  async policies(): Promise<Map<string, string>> {
    const list = (await this.answer('GET', 'policies')) as readonly { ID: string; Name: string }[];
    return new Map(list.map(({ ID, Name }) => [Name, ID]));
  }

  async putPolicy(name: string, rules: object, id: string | undefined): Promise<void> {
    await this.answer('PUT', id === undefined ? 'policy' : `policy/${id}`, {
      Name: name,
      Rules: JSON.stringify(rules),
    });
  }

  /** Its accessor follows from its name, so that a folder of keys made anew takes the place of the old one. */
  async putToken(name: string, secret: string): Promise<void> {
    const accessor = accessorOf(name);
    const before = await this.ask('GET', `token/${accessor}`);
    if (before.ok) {
      const { SecretID } = (await before.json()) as { SecretID?: string };
      if (SecretID === secret) return;
      await this.answer('DELETE', `token/${accessor}`);
    }
    await this.answer('PUT', 'token', {
      AccessorID: accessor,
      SecretID: secret,
      Description: `massif ${name}`,
      Policies: [{ Name: policyOf(name) }],
    });
  }

  private async answer(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.ask(method, path, body);
    if (answer.ok) return answer.json();
    throw new Error(`Consul refused ${method} ${path}: ${answer.status} ${await answer.text()}`);
  }

  private ask(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${this.url}/v1/acl/${path}`, {
      method,
      headers: { 'x-consul-token': this.secret },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(GRANTED_WITHIN_MS),
    });
  }
}

export const policyOf = (name: string): string => `massif-${name}`;

/** A UUID of its name. */
function accessorOf(name: string): string {
  const hex = createHash('sha256').update(`massif ${name}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

const pathOf = (keys: string, name: string): string => join(keys, FOLDER, tokenFile(name));

async function kept(path: string): Promise<string> {
  const there = await readFile(path, 'utf8').catch(() => undefined);
  if (there !== undefined) return there.trim();
  const made = randomUUID();
  await write(path, made);
  return made;
}

/** Whole or not at all. */
async function write(path: string, text: string): Promise<void> {
  await writeFile(`${path}.draft`, text, { mode: 0o600 });
  await rename(`${path}.draft`, path);
}
