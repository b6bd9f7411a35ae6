// A pool of Kubernetes pods: a Deployment or StatefulSet of shard hosts whose pods have their own name as their instance. The pool says how many
// through the scale subresource, and which pod goes through its deletion cost. It never works against a HorizontalPodAutoscaler.
import {
  ApiException,
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  type V1Pod,
  type V1Scale,
} from '@kubernetes/client-node';
import { failure } from '../../../contracts/errors.js';
import type { Clock } from '../../mesh/clock.js';
import type { ComputePool, PoolNode, PoolShape } from './compute-pool.js';

export interface KubernetesPoolParts {
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly deployment: string;
  /** Of the deployment's pods, such as `app=massif-shard`. */
  readonly selector: string;
  readonly shape: Omit<PoolShape, 'kind' | 'takesJobs'>;
  readonly clock: Clock;
}

const LISTED_FOR_MS = 2_000;
const CONFLICTS_MAX = 5;
/** A pod whose deletion costs less than all others' (0) goes first when the number falls. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const GOES_FIRST = '-1000';

export class KubernetesPool implements ComputePool {
  readonly shape: PoolShape;
  private readonly apps: AppsV1Api;
  private readonly core: CoreV1Api;
  private readonly scaling: AutoscalingV2Api;
  private readonly grown = new Set<string>();
  private listed: { readonly nodes: readonly PoolNode[]; readonly atMs: number } | undefined;

  constructor(private readonly parts: KubernetesPoolParts) {
    const { config, shape } = parts;
    this.apps = config.makeApiClient(AppsV1Api);
    this.core = config.makeApiClient(CoreV1Api);
    this.scaling = config.makeApiClient(AutoscalingV2Api);
    // All pods of a deployment are alike, and they are shards.
    this.shape = { ...shape, kind: 'kubernetes', takesJobs: false };
  }

  /** Pods, and one of no name yet for each that the deployment still owes. */
  async nodes(): Promise<readonly PoolNode[]> {
    const nowMs = this.parts.clock.monotonicMs();
    if (this.listed && nowMs - this.listed.atMs < LISTED_FOR_MS) return this.listed.nodes;
    const [scale, pods] = await this.told('list its pods', () => Promise.all([this.scale(), this.pods()]));
    const nodes = nodesOf(scale.spec?.replicas ?? 0, pods);
    this.listed = { nodes, atMs: nowMs };
    return nodes;
  }

  async grow(name: string): Promise<void> {
    if (this.grown.has(name)) return;
    await this.resize((replicas) => {
      const { nodesMax } = this.shape;
      if (replicas >= nodesMax)
        throw failure('UNAVAILABLE', `The pool on Kubernetes has its ${nodesMax} pods already.`);
      return replicas + 1;
    });
    this.grown.add(name);
  }

  async release(name: string): Promise<void> {
    const pods = await this.told('list its pods', () => this.pods());
    const pod = pods.find(({ metadata }) => metadata?.name === name);
    const owed = nodesOf((await this.told('be read', () => this.scale())).spec?.replicas ?? 0, pods);
    // Gone already, or leaving.
    if (!owed.some((node) => node.name === name)) return;
    if (pod) await this.told(`take a deletion cost for ${name}`, () => this.markToGo(name));
    await this.resize((replicas) => Math.max(0, replicas - 1));
  }

  /** Nothing is ended: the next leader finds the pods. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  private async resize(next: (replicas: number) => number): Promise<void> {
    const { namespace, deployment: name } = this.parts;
    await this.refuseIfOwned();
    await this.told('be scaled', async () => {
      for (let tries = 1; ; tries++) {
        const scale = await this.scale();
        const replicas = next(scale.spec?.replicas ?? 0);
        try {
          // With the resource's version: who changed it since makes this a conflict, and we look again.
          await this.apps.replaceNamespacedDeploymentScale({
            namespace,
            name,
            body: Object.assign(scale, { spec: { replicas } }),
          });
          break;
        } catch (error) {
          if (!(error instanceof ApiException) || error.code !== 409 || tries >= CONFLICTS_MAX) throw error;
        }
      }
    });
    this.listed = undefined;
  }

  private async refuseIfOwned(): Promise<void> {
    const { namespace, deployment } = this.parts;
    const { items } = await this.told('be looked up among autoscalers', () =>
      this.scaling.listNamespacedHorizontalPodAutoscaler({ namespace }),
    );
    const owner = items.find(({ spec }) => spec?.scaleTargetRef.name === deployment);
    if (owner)
      throw failure(
        'UNAVAILABLE',
        `Deployment ${namespace}/${deployment} belongs to the HorizontalPodAutoscaler "${owner.metadata?.name}": delete that, or give the pool another deployment.`,
      );
  }

  private async markToGo(name: string): Promise<void> {
    const { namespace } = this.parts;
    const path = `/metadata/annotations`;
    const pod = await this.core.readNamespacedPod({ namespace, name });
    const value = { ...pod.metadata?.annotations, [DELETION_COST]: GOES_FIRST };
    await this.core.patchNamespacedPod({ namespace, name, body: [{ op: 'add', path, value }] });
  }

  private scale(): Promise<V1Scale> {
    const { namespace, deployment: name } = this.parts;
    return this.apps.readNamespacedDeploymentScale({ namespace, name });
  }

  private async pods(): Promise<readonly V1Pod[]> {
    const { namespace, selector: labelSelector } = this.parts;
    return (await this.core.listNamespacedPod({ namespace, labelSelector })).items;
  }

  private async told<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error && error.name === 'Failure') throw error;
      const { namespace, deployment } = this.parts;
      const why = error instanceof ApiException ? `status ${error.code}` : String(error);
      throw failure(
        'UNAVAILABLE',
        `Deployment ${namespace}/${deployment} could not ${what}: ${why}`,
        {},
        error,
      );
    }
  }
}

/** The cluster we run in, or the one that `KUBECONFIG` names. */
export function clusterAround(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

/** Pods that are being deleted are no nodes any more: the number has fallen before. */
function nodesOf(replicas: number, pods: readonly V1Pod[]): PoolNode[] {
  const live = pods.filter(({ metadata, status }) => {
    const over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    return metadata?.name !== undefined && !metadata.deletionTimestamp && !over;
  });
  const nodes: PoolNode[] = live.map(({ metadata, status }) => ({
    name: metadata?.name ?? '',
    // No machine has room for it yet.
    state: status?.phase === 'Pending' ? 'queued' : 'there',
  }));
  const owed = Array.from({ length: Math.max(0, replicas - live.length) }, (_, i) => ({
    name: `owed-${i + 1}`,
    state: 'queued' as const,
  }));
  return [...nodes, ...owed];
}
