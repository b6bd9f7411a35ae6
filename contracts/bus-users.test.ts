import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { busUsers, inboxPrefix, permissionsOf } from './bus-users.js';
import { buckets, streams } from './buckets.js';
import { conversations } from './conversations.js';
import { holdings } from './holdings.js';
import { isInbox } from './subjects.js';

const REGIONS = ['east', 'west'];

/** As the server decides: `*` is one word, `>` all that follow. */
const covers = (pattern: string, subject: string): boolean => {
  const [want, have] = [pattern.split('.'), subject.split('.')];
  for (const [index, word] of want.entries()) {
    if (word === '>') return have.length > index;
    if (have[index] === undefined || (word !== '*' && word !== have[index])) return false;
  }
  return want.length === have.length;
};
const may = (allowed: readonly string[], subject: string): boolean =>
  allowed.some((pattern) => covers(pattern, subject));

test('every subject on the map has its conversation, and every conversation a row', () => {
  const map = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const onMap = [...map.matchAll(/^\| `(massif\.[^`]+)`/gm)].map(([, subject = '']) =>
    subject.replace(/<\w+>/g, '*'),
  );
  expect(conversations.map(({ subject }) => subject).toSorted()).toEqual(onMap.toSorted());
});

test('every bucket and stream has its owners', () => {
  const named = [...Object.values(buckets), ...Object.values(streams)].map((nameIn) => nameIn('east'));
  expect(holdings.map(({ nameIn }) => nameIn('east')).toSorted()).toEqual(named.toSorted());
});

test('an inbox is open to its own user alone, and looks like one', () => {
  for (const user of busUsers) {
    const { subscribe } = permissionsOf(user, REGIONS);
    for (const other of busUsers)
      expect(may(subscribe, `${inboxPrefix(other)}.a1.7`), `${user} hears ${other}`).toBe(other === user);
    expect(isInbox(`${inboxPrefix(user)}.a1.7`)).toBe(true);
  }
});

test('orders come from operators and doors; an engine, a shard or an application gives none', () => {
  const orders = [
    'massif.registry.deploy',
    'massif.release.promote',
    'massif.identity.issue',
    'massif.override.east',
  ];
  for (const user of ['engine', 'shard', 'router', 'application', 'client', 'trainer'] as const)
    for (const order of orders)
      expect(may(permissionsOf(user, REGIONS).publish, order), `${user}: ${order}`).toBe(false);
  for (const order of orders) expect(may(permissionsOf('operator', REGIONS).publish, order)).toBe(true);
});

test('whoever reads a bucket does not write it, here or through another domain', () => {
  const writes = [
    '$KV.massif_catalog_east.x',
    '$JS.east.API.$KV.massif_catalog_east.x',
    '$JS.API.STREAM.UPDATE.KV_massif_catalog_east',
  ];
  for (const user of busUsers) {
    const allowed = writes.map((subject) => may(permissionsOf(user, REGIONS).publish, subject));
    const owner = ['registry', 'control'].includes(user);
    expect(allowed, user).toEqual([owner, owner, owner]);
  }
});

test('nobody may publish or subscribe to everything', () => {
  for (const user of busUsers) {
    const { publish, subscribe } = permissionsOf(user, REGIONS);
    for (const stranger of [
      'other.things',
      '$SYS.REQ.SERVER.PING',
      '$JS.API.STREAM.DELETE.KV_massif_catalog_east',
    ]) {
      expect(may(publish, stranger), `${user} says ${stranger}`).toBe(false);
      if (!['autoscaler', 'control', 'observer'].includes(user))
        expect(may(subscribe, stranger), `${user} hears ${stranger}`).toBe(false);
    }
  }
});
