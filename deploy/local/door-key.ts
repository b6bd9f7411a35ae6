// The first key of the REST and gRPC doors: whoever owns the folder of keys may do at the doors what the command line may do on the bus, with what
// `npm start` prints. Keys for others are made with `massif apikeys issue`.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentitiesReply, IssueReply, type IssueRequest, KEY_DAYS_MAX } from '../../contracts/identity.js';
import { subjects } from '../../contracts/subjects.js';
import { type Bus, connectBus } from '../../services/mesh/bus.js';
import { busKeyPath } from './bus-keys.js';
import type { Topology } from './topology.js';

const TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const DAY_MS = 86_400_000;
/** One that ends sooner is made anew. */
const DAYS_LEFT_MIN = 30;

const WANTED: IssueRequest = {
  tenant: 'local',
  roles: ['operator', 'submitter'],
  description: 'whoever owns the folder of keys of npm start',
  days: KEY_DAYS_MAX,
};

/** A line of HTTP, as `curl -H @FILE` takes it. */
export const doorKeyPath = (keys: string): string => join(keys, 'api', 'operator.header');

/** The value of the header `Authorization`; undefined where nobody has made the key yet, as in development mode. */
export async function readDoorKey(keys: string): Promise<string | undefined> {
  const text = await readFile(doorKeyPath(keys), 'utf8').catch(() => '');
  return /^Authorization: (.*)$/m.exec(text)?.[1];
}

/** Makes it when there is none, or when the gateways do not know it any more. */
export async function prepareDoorKey({ keys, regions }: Topology): Promise<void> {
  const url = regions.find((region) => region.home)?.natsUrl ?? '';
  const bus = await connectBus({ url, key: busKeyPath(keys, 'operator'), name: 'starter' });
  try {
    const path = doorKeyPath(keys);
    const [, id] = /msf_([a-z2-7]{10})_/.exec((await readDoorKey(keys)) ?? '') ?? [];
    const list = subjects.identity('list');
    const known = await bus.request(list, IdentitiesReply, {}, { timeoutMs: TIMEOUT_MS });
    const enough = Date.now() + DAYS_LEFT_MIN * DAY_MS;
    if (!known.keys.some((key) => key.id === id && Date.parse(key.expiresAt) > enough))
      await issueTo(bus, path);
    await Promise.all(regions.map(({ restUrl }) => letsIn(restUrl, keys)));
  } finally {
    await bus.drain();
  }
}

async function issueTo(bus: Bus, path: string): Promise<void> {
  const issue = subjects.identity('issue');
  const { secret } = await bus.request(issue, IssueReply, WANTED, { timeoutMs: TIMEOUT_MS });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.draft`, `Authorization: Bearer ${secret}\n`, { mode: 0o600 });
  await rename(`${path}.draft`, path);
}

/** A region's door hears of a new key a moment later. */
async function letsIn(restUrl: string, keys: string): Promise<void> {
  const authorization = (await readDoorKey(keys)) ?? '';
  const until = Date.now() + TIMEOUT_MS;
  for (;;) {
    const { status } = await fetch(`${restUrl}/v2`, {
      headers: { authorization },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (status === 200) return;
    if (Date.now() > until)
      throw new Error(`${restUrl} does not take the key of ${doorKeyPath(keys)}: ${status}`);
    await sleep(POLL_MS);
  }
}
