// Whether an endpoint's rules, experiment, shadow and fallback can be honoured: what could not is refused with a sentence, never
// ignored. Pure; whoever writes endpoints asks.
import { failure } from '../../contracts/errors.js';
import { armOf, type EndpointRecord } from '../../contracts/registry.js';
import type { Experiment, SlotRange } from '../../contracts/traffic.js';

/** `others` may contain the endpoint as it was. Throws BAD_REQUEST. */
export function checkTraffic(endpoint: EndpointRecord, others: Iterable<EndpointRecord>): void {
  const arms = new Set(endpoint.variants.map(armOf));
  const known = (arm: string, what: string): void => {
    if (!arms.has(arm))
      refuse(`${what} names the arm "${arm}"; the endpoint "${endpoint.name}" has ${[...arms].join(', ')}.`);
  };
  const names = new Set<string>();
  for (const { name, arm } of endpoint.rules ?? []) {
    known(arm, `The rule "${name}"`);
    if (names.has(name)) refuse(`Two rules are called "${name}": give each a name of its own.`);
    names.add(name);
  }
  if (endpoint.shadow) {
    known(endpoint.shadow.arm, 'The shadow');
    if (endpoint.stateful)
      refuse(`"${endpoint.name}" has a version that keeps state: a copy of its requests would disturb it.`);
  }
  if (typeof endpoint.withoutUser === 'object')
    known(endpoint.withoutUser.arm, 'What a call without a user gets');
  if (!endpoint.experiment) return;
  known(endpoint.experiment.control, 'The experiment');
  if (endpoint.assignment !== 'user')
    refuse('An experiment belongs to an endpoint that splits by user: deploy it with --by-user.');
  checkGroup(endpoint, endpoint.experiment, others);
}

/** Slots of one group are owned once; its salt and its holdout are the same everywhere. */
function checkGroup(endpoint: EndpointRecord, mine: Experiment, others: Iterable<EndpointRecord>): void {
  if (mine.salt === endpoint.salt)
    refuse("The group's salt must not be the endpoint's: slots and buckets would be the same users.");
  for (const [i, range] of mine.slots.entries()) {
    const twice = mine.slots.slice(i + 1).find((other) => overlap(range, other));
    if (twice) refuse(`The experiment names the slots ${words(twice)} twice.`);
    if (mine.holdout && overlap(range, mine.holdout))
      refuse(`The slots ${words(range)} reach into the holdout ${words(mine.holdout)}.`);
  }
  for (const other of others) {
    const theirs = other.experiment;
    if (!theirs || other.name === endpoint.name) continue;
    if (theirs.group !== mine.group) {
      if (theirs.salt === mine.salt)
        refuse(`The group "${theirs.group}" has this salt: two groups with one salt are not independent.`);
      continue;
    }
    if (theirs.salt !== mine.salt)
      refuse(`The group "${mine.group}" has the salt "${theirs.salt}" (endpoint "${other.name}"): use that.`);
    if (String(theirs.holdout) !== String(mine.holdout))
      refuse(
        `The holdout of the group "${mine.group}" is ${theirs.holdout ? words(theirs.holdout) : 'none'} (endpoint "${other.name}"): use that.`,
      );
    const taken = mine.slots.find((range) => theirs.slots.some((one) => overlap(range, one)));
    if (taken)
      refuse(`The slots ${words(taken)} of "${mine.group}" belong in part to the endpoint "${other.name}".`);
  }
}

const overlap = ([from, to]: SlotRange, [otherFrom, otherTo]: SlotRange): boolean =>
  from < otherTo && otherFrom < to;

const words = ([from, to]: SlotRange): string => `${from} to ${to}`;

function refuse(sentence: string): never {
  throw failure('BAD_REQUEST', sentence);
}
