// What each service of this process answers, and how often it did: filled by the transport and by whoever subscribes on its own
// (the router's front door), read by services-protocol.ts.

export interface EndpointAddress {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  readonly subject: string;
  /** Undefined: every process answers. */
  readonly queue: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Counts of one endpoint since the process began. */
export class Endpoint {
  requests = 0;
  errors = 0;
  lastError = '';
  processingNs = 0;

  constructor(
    readonly service: string,
    readonly address: EndpointAddress,
  ) {}

  answered(elapsedMs: number): void {
    this.requests++;
    this.processingNs += Math.round(elapsedMs * 1e6);
  }

  refused(elapsedMs: number, error: string): void {
    this.answered(elapsedMs);
    this.errors++;
    this.lastError = error;
  }
}

export class Endpoints {
  private readonly byService = new Map<string, Endpoint[]>();

  constructor(readonly services: readonly string[]) {}

  /** The same address of the same service is the same endpoint. */
  add(service: string, address: EndpointAddress): Endpoint {
    const known = this.of(service).find((endpoint) => endpoint.address.subject === address.subject);
    if (known) return known;
    const endpoint = new Endpoint(service, address);
    this.byService.set(service, [...this.of(service), endpoint]);
    return endpoint;
  }

  of(service: string): readonly Endpoint[] {
    return this.byService.get(service) ?? [];
  }
}

/** `massif.registry.push` belongs to the registry; what names no service of this process belongs to its first. */
export function serviceOfSubject(subject: string, services: readonly string[]): string {
  const [, second = ''] = subject.split('.');
  return services.includes(second) ? second : (services[0] ?? 'process');
}

/** `massif.registry.push` is the endpoint `registry-push`: the protocol knows neither dots nor wildcards in names. */
export const endpointName = (subject: string): string =>
  subject
    .replace(/^massif\./, '')
    .replaceAll('*', 'any')
    .replaceAll('>', 'all')
    .replace(/[^\w-]+/g, '-');
