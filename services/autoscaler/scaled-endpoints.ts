// The endpoints that are scaled, and those of them that are looked at whoever calls: of ten thousand most sleep, and a look that
// passes them all, four times a second and after every change, would be all that an autoscaler does.
import type { EndpointRecord } from '../../contracts/registry.js';
import { mayDoze, type Scaled } from './sleepy.js';

export class ScaledEndpoints {
  private readonly byName = new Map<string, Scaled>();
  private readonly looked = new Map<string, Scaled>();

  get all(): ReadonlyMap<string, Scaled> {
    return this.byName;
  }

  /** Those that cannot doze, and those that are to begin with as many replicas as a first look says. */
  get restless(): ReadonlyMap<string, Scaled> {
    return this.looked;
  }

  put(endpoint: EndpointRecord): void {
    const { name } = endpoint;
    this.delete(name);
    if (!isScaled(endpoint)) return;
    this.byName.set(name, endpoint);
    const { scaling } = endpoint;
    if (!mayDoze(scaling) || scaling.initialReplicas === undefined) this.looked.set(name, endpoint);
  }

  delete(name: string): void {
    this.byName.delete(name);
    this.looked.delete(name);
  }
}

const isScaled = (endpoint: EndpointRecord): endpoint is Scaled => endpoint.scaling !== undefined;
