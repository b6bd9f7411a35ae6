import { expect, test } from 'vitest';
import { agentRules, consulUsers, rulesOf } from './consul-users.js';

const REGIONS = ['east', 'west'];

test('a service may register itself and no other', () => {
  for (const user of ['router', 'gateway', 'shard', 'trainer', 'compressor', 'auditor'] as const) {
    const written = Object.entries(rulesOf(user, REGIONS)['service'] ?? {})
      .filter(([, { policy }]) => policy === 'write')
      .map(([name]) => name);
    expect(written, user).toEqual([user]);
  }
});

test('only who leads holds a session and his own lock', () => {
  const holders = consulUsers.filter((user) => 'session' in rulesOf(user, REGIONS));
  expect(holders.toSorted()).toEqual(['autoscaler', 'control', 'registry']);
  expect(rulesOf('registry', REGIONS)['key']).toEqual({ 'massif/leases/registry': { policy: 'write' } });
  expect(rulesOf('autoscaler', REGIONS)['session']).toEqual({
    'consul-east': { policy: 'write' },
    'consul-west': { policy: 'write' },
  });
});

test('nobody but a server writes a node, nobody has a right on tokens, and the command line only looks', () => {
  for (const user of consulUsers) {
    const rules = rulesOf(user, REGIONS);
    expect(Object.keys(rules), user).not.toContain('acl');
    for (const kind of ['node', 'node_prefix', 'agent', 'agent_prefix', 'operator'])
      for (const { policy } of Object.values(rules[kind] ?? {}))
        expect(policy, `${user}: ${kind}`).toBe('read');
  }
  expect(JSON.stringify(rulesOf('operator', REGIONS))).not.toContain('write');
  expect(agentRules('west')['node']).toEqual({ 'consul-west': { policy: 'write' } });
});

test('an engine, an application and a client have no token', () => {
  expect(consulUsers).not.toEqual(expect.arrayContaining(['engine']));
  expect(
    consulUsers.filter((user) => ['engine', 'client', 'application', 'observer'].includes(user)),
  ).toEqual([]);
});
