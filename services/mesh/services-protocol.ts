// Answers the NATS services protocol (ADR-32) for every service of the process: `nats micro ls` and `nats micro stats` see us.
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Endpoint, Endpoints } from './endpoints.js';

export interface ServiceIdentity {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  /** One a process: its instance name. */
  readonly id: string;
  readonly version: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** ISO, UTC. */
  readonly started: string;
}

type Verb = 'PING' | 'INFO' | 'STATS';

/** Three verbs on three subjects each: everybody, all of a name, one instance. No queue group: all are meant. */
export function answerServicesProtocol(
  nc: NatsConnection,
  service: ServiceIdentity,
  endpoints: Endpoints,
): void {
  for (const verb of ['PING', 'INFO', 'STATS'] as const) {
    const callback = (error: Error | null, message: Msg) => {
      if (!error) message.respond(JSON.stringify(protocolAnswer(verb, service, endpoints.of(service.name))));
    };
    for (const whom of ['', `.${service.name}`, `.${service.name}.${service.id}`])
      nc.subscribe(`$SRV.${verb}${whom}`, { callback });
  }
}

/** The answer to one verb, as the protocol has it; durations are nanoseconds. */
function protocolAnswer(verb: Verb, service: ServiceIdentity, endpoints: readonly Endpoint[]): object {
  const { name, id, version, metadata, description, started } = service;
  const common = { name, id, version, metadata };
  switch (verb) {
    case 'PING':
      return { type: 'io.nats.micro.v1.ping_response', ...common };
    case 'INFO':
      return {
        type: 'io.nats.micro.v1.info_response',
        ...common,
        description,
        endpoints: endpoints.map(described),
      };
    case 'STATS':
      return {
        type: 'io.nats.micro.v1.stats_response',
        ...common,
        started,
        endpoints: endpoints.map(counted),
      };
  }
}

function described({ address: { name, subject, queue, metadata } }: Endpoint): object {
  return { name, subject, queue_group: queue ?? '', metadata: metadata ?? {} };
}

function counted(endpoint: Endpoint): object {
  const { address, requests, errors, lastError, processingNs } = endpoint;
  return {
    name: address.name,
    subject: address.subject,
    queue_group: address.queue ?? '',
    num_requests: requests,
    num_errors: errors,
    ...(lastError ? { last_error: lastError } : {}),
    processing_time: processingNs,
    average_processing_time: requests === 0 ? 0 : Math.round(processingNs / requests),
  };
}
