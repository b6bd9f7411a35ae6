// `massif override set|list|lift`: orders of safety, which a region obeys at once and without its home region. Signed here, with the
// operator's key; a router of the region checks and keeps them.
import { nuid } from '@nats-io/transport-node';
import type { z } from 'zod';
import { failure } from '../../contracts/errors.js';
import { InstanceName, shortDigest } from '../../contracts/names.js';
import {
  type Order,
  ORDER_DAYS_MAX,
  type OrderAction,
  type OrderInForce,
  OverrideReply,
  OverridesReply,
  type OrderTarget,
} from '../../contracts/override.js';
import { armOf, ShowReply } from '../../contracts/registry.js';
import { subjects } from '../../contracts/subjects.js';
import { signOrder } from '../../services/mesh/trust/order.js';
import { privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { argument, type Command, type Invocation, text, UsageError, wholeNumber } from '../cli/command.js';
import { everywhere } from '../cli/everywhere.js';
import { readKeyFile } from '../cli/key-files.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 5_000;
const MINUTES = 24 * 60;
const KEY_FILE = 'operator.pem';

export const override: Command = {
  name: 'override',
  usage:
    'override set|lift ENDPOINT --arm ARM | --version VERSION  |  override set|lift --shard SHARD  |  override list',
  argumentsMax: 2,
  summary: 'orders of safety: weight 0, quarantine, kill; obeyed at once, without the home region',
  help: `  set ENDPOINT --arm ARM [--fallback ARM]       no share of the traffic for this arm
  set ENDPOINT --version VERSION [--kill]        no request at all for this version (label, digest); --kill ends its engines
  set --shard SHARD [--kill]                     no request at all for this shard; --kill ends its engines
  lift ENDPOINT --arm ARM | --version VERSION | lift --shard SHARD    takes an order back
  list                                           what is in force
  --reason TEXT      why; every order is logged with it
  --region REGION    where it counts; everywhere that can be reached when absent
  --minutes N        when it ends by itself (${MINUTES}, at most ${ORDER_DAYS_MAX * MINUTES})
  --key FILE         the operator's key (else MASSIF_KEYS/${KEY_FILE}, else that of the mesh on this machine)`,
  options: {
    arm: { type: 'string' },
    version: { type: 'string' },
    shard: { type: 'string' },
    fallback: { type: 'string' },
    kill: { type: 'boolean' },
    reason: { type: 'string' },
    region: { type: 'string' },
    minutes: { type: 'string' },
    key: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const verb = argument(invocation.args, 0, 'set, list or lift');
    if (verb === 'list') return list(invocation);
    if (verb === 'set' || verb === 'lift') return give(invocation, verb);
    throw new UsageError(`override knows set, list and lift, got "${verb}"`);
  },
};

async function list(invocation: Invocation): Promise<number> {
  const asked = await everywhere(invocation, (region) =>
    ask(invocation, subjects.overrides(region), OverridesReply, {}),
  );
  const orders = asked.flatMap(({ reply }) => reply?.orders ?? []);
  invocation.out.show(
    asked.map(({ region, reply, why }) => ({ region, ...reply, ...(why && { why }) })),
    () =>
      [overrideTable(orders), ...asked.flatMap(({ region, why }) => (why ? [`${region}: ${why}`] : []))].join(
        '\n',
      ),
  );
  return asked.some(({ reply }) => reply) ? 0 : 1;
}

async function give(invocation: Invocation, verb: 'set' | 'lift'): Promise<number> {
  const { values, out, clock } = invocation;
  const reason = text(values, 'reason') ?? (verb === 'lift' ? 'lifted' : undefined);
  if (!reason) throw new UsageError('--reason says why, for whoever reads the log at night');
  const target = await targetOf(invocation);
  const action = actionOf(verb, target, values['kill'] === true);
  const key = privateKeyOf(await readKeyFile(invocation, KEY_FILE, 'which operator gives the order'));
  const minutes = verb === 'lift' ? ORDER_DAYS_MAX * MINUTES : (wholeNumber(values, 'minutes') ?? MINUTES);
  if (minutes < 1 || minutes > ORDER_DAYS_MAX * MINUTES)
    throw new UsageError(`--minutes must be 1 to ${ORDER_DAYS_MAX * MINUTES}, got ${minutes}`);
  const now = clock.now();
  const given = await everywhere(invocation, (region) => {
    const order: Order = {
      nonce: nuid.next(),
      region,
      sequence: now,
      target,
      action,
      reason,
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + minutes * 60_000).toISOString(),
    };
    return ask(invocation, subjects.override(region), OverrideReply, { envelope: signOrder(order, key) });
  });
  out.show(
    given.map(({ region, reply, why }) => ({ region, ...reply?.accepted, ...(why && { why }) })),
    () =>
      given
        .map(({ region, reply, why }) =>
          reply ? `${region}: ${inWords(reply.accepted)}` : `${region}: not given, ${why}`,
        )
        .join('\n'),
  );
  // Where a region cannot be reached its order is missing: whoever gave it must know.
  return given.every(({ reply }) => reply) ? 0 : 1;
}

const ask = async <T>(
  { connections }: Invocation,
  subject: string,
  schema: z.ZodType<T>,
  body: unknown,
): Promise<T> => (await connections()).request(subject, schema, body, TIMEOUT_MS);

async function targetOf(invocation: Invocation): Promise<OrderTarget> {
  const { args, values, client } = invocation;
  const shard = text(values, 'shard');
  const arm = text(values, 'arm');
  const version = text(values, 'version');
  if (shard !== undefined) {
    if (args[1] !== undefined || arm !== undefined || version !== undefined)
      throw new UsageError('--shard stands alone: the order is about all that the shard serves');
    if (!InstanceName.safeParse(shard).success)
      throw new UsageError(`--shard is a name such as shard-east-1, got "${shard}"`);
    return { kind: 'shard', shard };
  }
  const name = argument(args, 1, 'ENDPOINT');
  const fallback = text(values, 'fallback');
  if ((arm === undefined) === (version === undefined))
    throw new UsageError('--arm or --version says what the order is about, one of the two');
  const endpoint = (await (await client('routed')).endpoints()).find((one) => one.name === name);
  if (!endpoint) throw failure('ENDPOINT_UNKNOWN', `There is no endpoint ${name}.`);
  const arms = endpoint.variants.map(armOf);
  for (const given of [arm, fallback])
    if (given !== undefined && !arms.includes(given))
      throw new UsageError(`${name} has the arms ${arms.join(', ')}, got "${given}"`);
  if (arm !== undefined)
    return { kind: 'arm', endpoint: name, arm, ...(fallback !== undefined && { fallback }) };
  const found = endpoint.variants.find(
    (one) =>
      one.label === version || ((version?.length ?? 0) >= 12 && one.version.startsWith(version as string)),
  );
  if (found) return { kind: 'version', model: endpoint.model, version: found.version };
  // One that was killed serves no more, and its order is to be lifted all the same.
  const asked = { model: endpoint.model, version };
  const { version: known } = await ask(invocation, subjects.registry('show'), ShowReply, asked);
  return { kind: 'version', model: endpoint.model, version: known.digest };
}

function actionOf(verb: 'set' | 'lift', target: OrderTarget, kill: boolean): OrderAction {
  if (verb === 'lift') return 'lift';
  if (target.kind !== 'arm') return kill ? 'kill' : 'quarantine';
  if (kill) throw new UsageError('--kill is for a version or a shard: an arm has no engines of its own');
  return 'weight-zero';
}

const about = ({ target }: Order): string =>
  target.kind === 'shard'
    ? `shard ${target.shard}`
    : target.kind === 'arm'
      ? `${target.endpoint} arm ${target.arm}${target.fallback === undefined ? '' : `, ${target.fallback} instead`}`
      : `${target.model} version ${shortDigest(target.version)}`;

const inWords = ({ order, person }: OrderInForce): string =>
  `${order.action} of ${about(order)}, by ${person}${order.action === 'lift' ? '' : `, until ${order.expiresAt}`}`;

const overrideTable = (orders: readonly OrderInForce[]): string =>
  table(
    ['region', 'action', 'about', 'reason', 'by', 'until'],
    orders.map(({ order, person }) => [
      order.region,
      order.action,
      about(order),
      order.reason,
      person,
      order.expiresAt,
    ]),
  );
