// The headers of a data-path message, on NATS and HTTP alike (names are case-sensitive on NATS).

export const headers = {
  /** Bytes of the JSON part of the body; absent when the whole body is JSON. */
  jsonLength: 'Inference-Header-Content-Length',
  /** One per user request, the same in retries and hedges. */
  requestId: 'Massif-Request-Id',
  /** 1, 2, ... hedges count. */
  attempt: 'Massif-Attempt',
  /** The caller's inbox, set by the router for the engine: the answer takes the short way home. */
  reply: 'Massif-Reply',
  /** Milliseconds left when the message is sent; every hop subtracts the time it held the request. */
  timeoutMs: 'Massif-Timeout',
  /** Opaque key of sticky routing. */
  user: 'Massif-User',
  /** Whose call it is, until keys say so: rules of an endpoint may go by it. */
  tenant: 'Massif-Tenant',
  /** On run messages, set by a gateway and nobody else: id of the key that called, and its tenant. */
  caller: 'Massif-Caller',
  /** The arm a copy was sent for: it must leave no trace in caches, sequences or the books of idempotency. */
  shadow: 'Massif-Shadow',
  /** 1 highest, larger is lower, 0 or absent: PRIORITY_DEFAULT. Engines order and displace by it what waits for a run. */
  priority: 'Massif-Priority',
  /** The sequence that the request is a step of; the parameters `sequence_id` and so on of the body say the same. */
  sequence: 'Massif-Sequence',
  /** 1: its state begins anew; 1: it ends with this step. */
  sequenceStart: 'Massif-Sequence-Start',
  sequenceEnd: 'Massif-Sequence-End',
  /** Between engines: this step was sent on already by one that gave the sequence away. */
  sequenceHop: 'Massif-Sequence-Hop',
  /** Of a pipeline's step: how many steps of its sequence the stages before have taken, this one counted. */
  sequenceCount: 'Massif-Sequence-Count',
  /** Between engines: SHA-256 of a body that brings the state of a sequence. */
  sequenceState: 'Massif-Sequence-State',
  /** On answers: which replica ran it, and the region it runs in. */
  replica: 'Massif-Replica',
  /** On answers of a routed or direct call: how many attempts it took. */
  attempts: 'Massif-Attempts',
  /** `<epoch>.<arm>` of a request that the weights gave to an arm; on its answer too, for feedback. */
  arm: 'Massif-Arm',
  /** The endpoint on a run subject, whose own name is the replica's. */
  endpoint: 'Massif-Endpoint',
  /** On run messages of a pipeline, set by whoever routes: the plan as JSON, the replica of each step, the step to run. */
  plan: 'Massif-Plan',
  hops: 'Massif-Hops',
  /** On run messages the number of the step; on failures the name of the step that failed. */
  step: 'Massif-Step',
  /** Engine -> whoever routed: this step is done, the request is on its way to the step of this number. */
  passed: 'Massif-Passed',
  traceparent: 'traceparent',
  errorStatus: 'Nats-Service-Error-Code',
  errorText: 'Nats-Service-Error',
  /** Our code beside the numeric one, so that programs branch on words. */
  errorCode: 'Massif-Error',
  retryAfter: 'Retry-After',
  /** The same in milliseconds: when the queue of whoever refused will have drained. Ours read this one. */
  retryAfterMs: 'Retry-After-Ms',
  /** Where the rest of a body lies that one message does not carry: large-body.ts. */
  body: 'Massif-Body',
  /** How the caller can take an answer that one message does not carry: `chunks` or `object`. */
  acceptBody: 'Massif-Accept-Body',
  /** On requests from doors: how many seconds old a kept answer may be; from callers: `no`. On answers: `hit` or `miss`. */
  cache: 'Massif-Cache',
  /** 1: where the endpoint sleeps the caller would rather be told so at once than wait for it to wake. */
  failFast: 'Massif-Fail-Fast',
  /** The request id was chosen by the caller: what it asks runs once, and the answer is kept for a repetition. */
  once: 'Massif-Once',
} as const;

/** A call without a deadline of its own gets this one; nothing waits for ever. */
export const DEFAULT_TIMEOUT_MS = 10_000;
export const TIMEOUT_MS_MAX = 600_000;
/** What 0 stands for: 1 to 99 go before ordinary requests, 101 to 999 behind them. */
export const PRIORITY_DEFAULT = 100;
export const PRIORITY_MAX = 999;
/** The oldest that a kept answer may be. */
export const CACHE_S_MAX = 86_400;
