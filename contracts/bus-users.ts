// Who there is on the bus, and what each may say and hear: everything here follows from the conversations and the buckets, so that a
// new subject is allowed to those who use it and to nobody else. The servers' configuration is written from it.
import { conversations, PARTIES, type Party, type Talk } from './conversations.js';
import { wildcards } from './subjects.js';
import { type Holding, holdings } from './holdings.js';

/**
 * A process has one user. `control` and `edge` are the services that share a process on a small mesh; `observer` hears everything and says
 * nothing: nobody has its key unless somebody makes it on purpose, for a test.
 */
export const BUS_USERS = {
  registry: ['registry'],
  router: ['router'],
  gateway: ['gateway'],
  shard: ['shard'],
  engine: ['engine'],
  compressor: ['compressor'],
  trainer: ['trainer'],
  auditor: ['auditor'],
  autoscaler: ['autoscaler'],
  control: ['registry', 'trainer', 'compressor', 'auditor', 'autoscaler'],
  edge: ['router', 'gateway'],
  operator: ['operator'],
  client: ['client'],
  application: ['application'],
  observer: [],
} as const satisfies Record<string, readonly Party[]>;
export type BusUser = keyof typeof BUS_USERS;

export const busUsers = Object.keys(BUS_USERS) as BusUser[];

/** Nobody hears answers meant for another user. */
export const inboxPrefix = (user: BusUser): string => `_INBOX_${user}`;

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Applications may answer what they are asked (chunks of a body that they hold), once, and publish nothing else to inboxes. */
  readonly answersOnly: boolean;
}

export function permissionsOf(user: BusUser, regions: readonly string[]): Permissions {
  if (user === 'observer')
    return {
      publish: [],
      subscribe: ['massif.>', '$JS.API.>', `${inboxPrefix(user)}.>`],
      answersOnly: false,
    };
  const parties: readonly Party[] = BUS_USERS[user];
  const outside = parties.every((party) => PARTIES[party] === 'outside');
  const has = (who: readonly Party[]): boolean => who.some((party) => parties.includes(party));
  const talks: readonly Talk[] = conversations;
  const said = talks.filter(({ from }) => has(from)).map(({ subject }) => subject);
  const heard = talks.filter(({ to }) => has(to)).map(({ subject }) => subject);
  const held = holdings.flatMap((holding) => heldBy(holding, has, regions));
  const inboxes = (outside ? BODY_HOLDERS : busUsers).map((name) => `${inboxPrefix(name)}.>`);
  return {
    publish: unique([
      ...said,
      ...held,
      ...inboxes,
      ...api(['INFO']),
      ...(outside ? [METRICS] : []),
      ...(has(['operator']) ? ['$SRV.>'] : []),
    ]),
    subscribe: unique([
      ...heard,
      `${inboxPrefix(user)}.>`,
      ...(parties.some((party) => hasProtocol(party)) ? ['$SRV.>'] : []),
      ...(has(['autoscaler']) ? [METRICS] : []),
      // All that is told, the kinds to come included.
      ...(has(['auditor', 'operator']) ? [wildcards.events()] : []),
    ]),
    answersOnly: outside,
  };
}

/** Numbers of applications that autoscaling goes by. */
const METRICS = 'metrics.>';

/** The services protocol is answered by services; an engine has none. */
const hasProtocol = (party: Party): boolean => PARTIES[party] === 'inside' && party !== 'engine';

/** Whoever may hold a large answer, which callers fetch from its inbox. */
const BODY_HOLDERS = ['engine', 'gateway', 'edge'] as const;

function heldBy(
  { nameIn, kind, owners, openers = [], writers = [], readers = [] }: Holding,
  has: (who: readonly Party[]) => boolean,
  regions: readonly string[],
): string[] {
  const owns = has(owners);
  const [opens, writes, reads] = [
    owns || has(openers),
    owns || has(writers),
    owns || has(openers) || has(readers),
  ];
  return regions.flatMap((region) => {
    const name = nameIn(region);
    const stream = { kv: `KV_${name}`, object: `OBJ_${name}`, stream: name }[kind];
    const within = { kv: [`$KV.${name}.>`], object: [`$O.${name}.>`], stream: [] }[kind];
    return [
      ...(opens || writes || reads ? api([`STREAM.INFO.${stream}`]) : []),
      ...(opens ? api([`STREAM.CREATE.${stream}`]) : []),
      ...(reads ? [...api(readsOf(stream)), ...acknowledgements(stream)] : []),
      ...(writes ? [...within, ...api(within), ...api([`STREAM.PURGE.${stream}`])] : []),
      ...(owns ? api([`STREAM.UPDATE.${stream}`, `STREAM.MSG.DELETE.${stream}`]) : []),
    ];
  });
}

/** An acknowledgement names domain and account too when the stream is in a domain. */
const acknowledgements = (stream: string): string[] => [
  `$JS.ACK.${stream}.>`,
  `$JS.ACK.*.*.${stream}.>`,
  `$JS.FC.${stream}.>`,
];

const readsOf = (stream: string): string[] => [
  `DIRECT.GET.${stream}`,
  `DIRECT.GET.${stream}.>`,
  `STREAM.MSG.GET.${stream}`,
  `CONSUMER.CREATE.${stream}`,
  `CONSUMER.CREATE.${stream}.>`,
  `CONSUMER.DURABLE.CREATE.${stream}.*`,
  `CONSUMER.INFO.${stream}.*`,
  `CONSUMER.DELETE.${stream}.*`,
  `CONSUMER.MSG.NEXT.${stream}.*`,
];

/** In the own region's JetStream and in another's. */
const api = (calls: readonly string[]): string[] =>
  calls.flatMap((call) => [`$JS.API.${call}`, `$JS.*.API.${call}`]);

const unique = (subjects: readonly string[]): string[] => [...new Set(subjects)].toSorted();
