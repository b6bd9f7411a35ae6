// Over real HTTP, against a small API server with Kubernetes' shapes: resource versions, conflicts, a controller that starts pods and deletes
// the cheapest.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../mesh/testing/fake-clock.js';
import { KubernetesPool } from './kubernetes-pool.js';

const TOKEN = 'token-of-the-service-account';
const COST = 'controller.kubernetes.io/pod-deletion-cost';
interface Pod {
  readonly metadata: { name: string; namespace: string; annotations?: Record<string, string> };
  readonly status: { phase: string };
}

/** A cluster with knobs. */
class Cluster {
  replicas = 0;
  version = 1;
  pods: Pod[] = [];
  owners: string[] = [];
  /** Somebody else changes the deployment between our look and our word, so many times. */
  conflicts = 0;
  trouble: 'none' | 'refuses' | 'nonsense' = 'none';
  /** Pods that there is no machine for. */
  pendingFrom = Infinity;
  writes = 0;
  private names = 0;

  answer(method: string, path: string, body: string): [number, unknown] {
    if (this.trouble === 'refuses') return [403, { kind: 'Status', code: 403, message: 'forbidden' }];
    if (this.trouble === 'nonsense') return [200, '<html>'];
    const scale = '/apis/apps/v1/namespaces/massif/deployments/shards/scale';
    if (path === scale && method === 'GET') return [200, this.scale()];
    if (path === scale && method === 'PUT') {
      const asked = JSON.parse(body) as { metadata: { resourceVersion: string }; spec: { replicas: number } };
      if (this.conflicts-- > 0) this.version++;
      if (asked.metadata.resourceVersion !== String(this.version))
        return [409, { kind: 'Status', code: 409, reason: 'Conflict' }];
      this.writes++;
      this.version++;
      this.replicas = asked.spec.replicas;
      this.control();
      return [200, this.scale()];
    }
    if (path === '/apis/autoscaling/v2/namespaces/massif/horizontalpodautoscalers')
      return [200, { items: this.owners.map((name) => owner(name)) }];
    const pods = '/api/v1/namespaces/massif/pods';
    if (path === `${pods}?labelSelector=app%3Dshards`) return [200, { kind: 'PodList', items: this.pods }];
    const pod = this.pods.find(({ metadata }) => path === `${pods}/${metadata.name}`);
    if (pod && method === 'PATCH')
      for (const { value } of JSON.parse(body) as { value: Record<string, string> }[])
        pod.metadata.annotations = value;
    return pod ? [200, pod] : [404, { kind: 'Status', code: 404 }];
  }

  private scale(): unknown {
    const metadata = { name: 'shards', namespace: 'massif', resourceVersion: String(this.version) };
    return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas: this.replicas } };
  }

  private control(): void {
    while (this.pods.length < this.replicas) {
      const name = `shards-${++this.names}`;
      const phase = this.names >= this.pendingFrom ? 'Pending' : 'Running';
      this.pods.push({ metadata: { name, namespace: 'massif' }, status: { phase } });
    }
    const cost = ({ metadata }: Pod): number => Number(metadata.annotations?.[COST] ?? 0);
    this.pods = this.pods.toSorted((a, b) => cost(b) - cost(a)).slice(0, this.replicas);
  }
}

const owner = (name: string): unknown => ({
  metadata: { name },
  spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'shards' } },
});

let server: Server;
let cluster: Cluster;
let clock: FakeClock;
let pool: KubernetesPool;

beforeEach(async () => {
  cluster = new Cluster();
  clock = new FakeClock();
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request;
      const known = headers.authorization === `Bearer ${TOKEN}`;
      const [status, value] = known
        ? cluster.answer(method, url, body)
        : [401, { kind: 'Status', code: 401 }];
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof value === 'string' ? value : JSON.stringify(value));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  pool = poolWith(TOKEN);
});
afterEach(async () => {
  await pool.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

function poolWith(token: string): KubernetesPool {
  const config = new KubeConfig();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  config.loadFromClusterAndUser({ name: 'lab', server: url, skipTLSVerify: true }, { name: 'massif', token });
  const where = { namespace: 'massif', deployment: 'shards', selector: 'app=shards' };
  const device = { kind: 'cpu', count: 1 } as const;
  const shape = { name: 'kubernetes', region: 'east', device, nodesMax: 3, pricePerHour: 0 };
  return new KubernetesPool({ config, ...where, shape, clock });
}

async function text(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const part of request) body += String(part);
  return body;
}
const names = async (): Promise<string[]> => (await pool.nodes()).map(({ name }) => name);

test('it grows by one a name, and a name asked for twice is one', async () => {
  await pool.grow('pool-east-1-1');
  await pool.grow('pool-east-1-1');
  await pool.grow('pool-east-1-2');
  expect(cluster.replicas).toBe(2);
  expect(await names()).toEqual(['shards-1', 'shards-2']);
});

test('the pod that is released is the one that goes', async () => {
  for (const n of [1, 2, 3]) await pool.grow(`pool-east-1-${n}`);
  await pool.release('shards-2');
  expect(await names()).toEqual(['shards-1', 'shards-3']);
  await pool.release('shards-2');
  expect(cluster.replicas).toBe(2);
});

test('a pod without a machine, and one that is still owed, wait in a queue', async () => {
  cluster.pendingFrom = 2;
  await pool.grow('pool-east-1-1');
  await pool.grow('pool-east-1-2');
  cluster.replicas = 3;
  await clock.advance(5_000);
  expect(await pool.nodes()).toEqual([
    { name: 'shards-1', state: 'there' },
    { name: 'shards-2', state: 'queued' },
    { name: 'owed-1', state: 'queued' },
  ]);
  await pool.release('owed-1');
  expect(cluster.replicas).toBe(2);
});

test('a change by somebody else is not overwritten: it looks again, and not for ever', async () => {
  cluster.conflicts = 2;
  await pool.grow('pool-east-1-1');
  expect(cluster.replicas).toBe(1);
  cluster.conflicts = Infinity;
  await expect(pool.grow('pool-east-1-2')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(cluster.replicas).toBe(1);
});

test('a deployment that belongs to a HorizontalPodAutoscaler is left alone, and the owner is named', async () => {
  cluster.owners = ['eager'];
  await expect(pool.grow('pool-east-1-1')).rejects.toThrow(/HorizontalPodAutoscaler "eager"/);
  expect(cluster.writes).toBe(0);
});

test('it never asks for more pods than it may have', async () => {
  cluster.replicas = 3;
  await expect(pool.grow('pool-east-1-1')).rejects.toThrow(/3 pods already/);
  expect(cluster.writes).toBe(0);
});

test.each(['refuses', 'nonsense'] as const)('a cluster that %s is no empty one', async (trouble) => {
  cluster.trouble = trouble;
  await expect(pool.nodes()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a token that is not known is said to be refused', async () => {
  await expect(poolWith('another').nodes()).rejects.toThrow(/status 401/);
});
