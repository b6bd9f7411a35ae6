// A pool behind an address of the operator's: elastic cloud servers, or whatever else can start a shard host. Each question is signed,
// may be repeated without harm, and has a time-out; a node is lent for a time that we renew, so that nobody pays for servers of an
// autoscaler that is gone.
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { failure } from '../../../contracts/errors.js';
import { InstanceName } from '../../../contracts/names.js';
import type { Clock } from '../../mesh/clock.js';
import { errorFields, type Log } from '../../mesh/log.js';
import { type ComputePool, isNodeOf, type NodeJob, type PoolNode, type PoolShape } from './compute-pool.js';

export interface WebhookPoolParts {
  /** `PUT <url>/nodes/<name>` starts one or prolongs it, `DELETE` ends it, `GET <url>/nodes` lists them. */
  readonly url: string;
  readonly secret: string;
  readonly shape: Omit<PoolShape, 'kind'>;
  readonly leaseS?: number;
  readonly timeoutMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

const Nodes = z.object({ nodes: z.array(z.object({ name: InstanceName })).max(10_000) });

const LEASE_S = 120;
const TIMEOUT_MS = 10_000;
/** The keeper looks twice a second; a cloud's interface is not asked as often. */
const LISTED_FOR_MS = 3_000;

/** Of `<seconds>.<method>.<path>.<body>`, as the receiver recomputes it. */
export const signatureOf = (secret: string, seconds: number, method: string, path: string, body: string) =>
  `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${method}.${path}.${body}`).digest('hex')}`;

export class WebhookPool implements ComputePool {
  readonly shape: PoolShape;
  private readonly lent = new Map<string, NodeJob | undefined>();
  private readonly stopRenewing: () => void;
  private listed: { readonly nodes: readonly PoolNode[]; readonly atMs: number } | undefined;

  constructor(private readonly parts: WebhookPoolParts) {
    const { shape, clock, leaseS = LEASE_S } = parts;
    this.shape = { ...shape, kind: 'webhook' };
    this.stopRenewing = clock.every((leaseS * 1_000) / 3, () => void this.renew());
  }

  async nodes(): Promise<readonly PoolNode[]> {
    const nowMs = this.parts.clock.monotonicMs();
    if (this.listed && nowMs - this.listed.atMs < LISTED_FOR_MS) return this.listed.nodes;
    const parsed = Nodes.safeParse(await this.ask('GET', '/nodes'));
    if (!parsed.success)
      throw failure(
        'UNAVAILABLE',
        'The pool listed its nodes in a form that is not `{"nodes": [{"name"}]}`.',
      );
    const nodes = parsed.data.nodes
      .filter(({ name }) => isNodeOf(this.shape, name))
      .map(({ name }) => ({ name, state: 'there' as const }));
    this.listed = { nodes, atMs: nowMs };
    return nodes;
  }

  async grow(name: string, job?: NodeJob): Promise<void> {
    await this.lend(name, job);
    this.lent.set(name, job);
    this.listed = undefined;
  }

  async release(name: string): Promise<void> {
    this.lent.delete(name);
    this.listed = undefined;
    await this.ask('DELETE', `/nodes/${name}`);
  }

  /** Nothing is ended: the next leader finds the nodes in the list, and leases run out without one. */
  close(): Promise<void> {
    this.stopRenewing();
    return Promise.resolve();
  }

  private lend(name: string, job: NodeJob | undefined): Promise<unknown> {
    const { leaseS = LEASE_S } = this.parts;
    const { region } = this.shape;
    return this.ask('PUT', `/nodes/${name}`, { name, region, leaseS, ...(job && { job }) });
  }

  private async renew(): Promise<void> {
    for (const name of this.listed?.nodes.map((node) => node.name) ?? this.lent.keys())
      await this.lend(name, this.lent.get(name)).catch((error: unknown) =>
        this.parts.log.warn('pool.renew.failed', { node: name, ...errorFields(error) }),
      );
  }

  private async ask(method: 'GET' | 'PUT' | 'DELETE', path: string, value?: object): Promise<unknown> {
    const { url, secret, clock, timeoutMs = TIMEOUT_MS } = this.parts;
    const body = value === undefined ? '' : JSON.stringify(value);
    const at = new URL(`${url.replace(/\/$/, '')}${path}`);
    const seconds = Math.floor(clock.now() / 1_000);
    try {
      const answer = await fetch(at, {
        method,
        headers: {
          'massif-signature': signatureOf(secret, seconds, method, at.pathname, body),
          'idempotency-key': `${method} ${path}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await answer.text();
      // What is gone already was what we wanted.
      if (method === 'DELETE' && answer.status === 404) return undefined;
      if (!answer.ok) throw new Error(`${answer.status} ${text.slice(0, 200)}`);
      return text === '' ? undefined : (JSON.parse(text) as unknown);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw failure(
        'UNAVAILABLE',
        `The pool at ${at.host} did not do "${method} ${path}": ${why}`,
        {},
        error,
      );
    }
  }
}
