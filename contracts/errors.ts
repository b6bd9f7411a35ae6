// Every failure that may cross a process boundary: one code, whether trying again makes sense, the HTTP and gRPC status,
// and a sentence that says what to do. Services throw `failure(code, fields)`; doors turn it into their own protocol.

export const ERRORS = {
  BAD_REQUEST: {
    retryable: false,
    http: 400,
    grpc: 3,
    fix: 'Correct the request as the message says and send it again.',
  },
  TENSOR_MISMATCH: {
    retryable: false,
    http: 400,
    grpc: 3,
    fix: "Send the inputs as the model's metadata declares them: GET /v2/models/<endpoint>.",
  },
  USER_REQUIRED: {
    retryable: false,
    http: 400,
    grpc: 3,
    fix: 'This endpoint splits by user: send the header Massif-User.',
  },
  UNAUTHENTICATED: {
    retryable: false,
    http: 401,
    grpc: 16,
    fix: 'Send a valid key as Authorization: Bearer msf_...; massif apikeys issue makes one.',
  },
  UNSIGNED: {
    retryable: false,
    http: 403,
    grpc: 7,
    fix: 'Sign the version with a key that the trust policy names: massif push --key <file>.',
  },
  WITHHELD: {
    retryable: false,
    http: 403,
    grpc: 9,
    fix: 'An order keeps it from being served: massif override list says which and why; ask for another version.',
  },
  NOT_ALLOWED: { retryable: false, http: 403, grpc: 7, fix: 'Ask an operator for the role that this needs.' },
  ENDPOINT_UNKNOWN: {
    retryable: false,
    http: 404,
    grpc: 5,
    fix: 'List what is served with massif endpoints, then deploy: massif deploy <endpoint> --model <model>.',
  },
  MODEL_UNKNOWN: {
    retryable: false,
    http: 404,
    grpc: 5,
    fix: 'Publish it first: massif push <file> --name <model>.',
  },
  VERSION_UNKNOWN: {
    retryable: false,
    http: 404,
    grpc: 5,
    fix: 'List the versions with massif models <model>.',
  },
  RELEASE_UNKNOWN: {
    retryable: false,
    http: 404,
    grpc: 5,
    fix: 'List the releases with massif release list.',
  },
  NOT_FOUND: {
    retryable: false,
    http: 404,
    grpc: 5,
    fix: 'Correct the name or the path: the commands that list things show the names, README the paths.',
  },
  METHOD_NOT_ALLOWED: {
    retryable: false,
    http: 405,
    grpc: 12,
    fix: 'Use the verb that the Open Inference Protocol names for this path.',
  },
  CONFLICT: {
    retryable: true,
    http: 409,
    grpc: 10,
    fix: 'Somebody changed it meanwhile: read it again and repeat the change.',
  },
  SEQUENCE_LOST: {
    retryable: false,
    http: 410,
    grpc: 10,
    fix: 'Restart the sequence: send its first step again, with sequence_start and a new sequence_id.',
  },
  SEQUENCE_ELSEWHERE: {
    retryable: true,
    http: 421,
    grpc: 10,
    fix: 'This replica does not have the sequence: ask the others, as routers and the client library do.',
  },
  REQUEST_ID_REUSED: {
    retryable: false,
    http: 409,
    grpc: 6,
    fix: 'Give each request an id of its own; repeat an id only with the very same body.',
  },
  BODY_DAMAGED: {
    retryable: false,
    http: 400,
    grpc: 3,
    fix: 'Send the bytes that the digest was made of, and do not change them while they are sent.',
  },
  BODY_LOST: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'Whoever held the body went away before all of it had arrived: send the request again.',
  },
  TOO_LARGE: {
    retryable: false,
    http: 413,
    grpc: 8,
    fix: 'Send a smaller body, or raise the limit that the message names.',
  },
  UNSUPPORTED_ENCODING: {
    retryable: false,
    http: 415,
    grpc: 3,
    fix: 'Send application/json or application/octet-stream, plain or gzip.',
  },
  MODEL_REFUSED: {
    retryable: false,
    http: 422,
    grpc: 9,
    fix: 'Export the model again without what the message names.',
  },
  DATA_REFUSED: {
    retryable: false,
    http: 422,
    grpc: 9,
    fix: 'Correct the data where the message says, then submit the job again.',
  },
  BUDGET_MISSED: {
    retryable: false,
    http: 422,
    grpc: 9,
    fix: 'Allow more where the message says, or choose another recipe: massif compress --recipes lists them.',
  },
  PIPELINE_REFUSED: {
    retryable: false,
    http: 422,
    grpc: 9,
    fix: 'Correct the pipeline where the message says, then apply it again.',
  },
  DEVICE_UNAVAILABLE: {
    retryable: false,
    http: 503,
    grpc: 9,
    fix: 'Install onnxruntime with the provider that MASSIF_SHARD_DEVICE needs, on a machine with that device, or set it to cpu.',
  },
  PLACEMENT_REFUSED: {
    retryable: false,
    http: 422,
    grpc: 9,
    fix: 'Change the inventory or the endpoint where the message says, then plan again.',
  },
  RATE_LIMITED: { retryable: true, http: 429, grpc: 8, fix: 'Wait as Retry-After says, then try again.' },
  INTERNAL: {
    retryable: false,
    http: 500,
    grpc: 13,
    fix: 'Report it with the request id; the log has the cause.',
  },
  MODEL_FAILED: {
    retryable: false,
    http: 500,
    grpc: 13,
    fix: 'The model itself failed on this input: look at the message and at the input values.',
  },
  UNSUPPORTED: {
    retryable: false,
    http: 501,
    grpc: 12,
    fix: 'Use a feature that the server metadata (GET /v2) lists.',
  },
  NOT_READY: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'The endpoint has no ready replica yet: wait as Retry-After says, or look at massif status.',
  },
  MAILBOX_FULL: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'The replica is at capacity; try another one, or later.',
  },
  BREAKER_OPEN: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'The replica failed too often lately; try another one.',
  },
  REPLICA_LOST: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'The replica went away during the call; try another one.',
  },
  ENGINE_FAILED: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'The engine stopped during the call; try another replica.',
  },
  UNAVAILABLE: {
    retryable: true,
    http: 503,
    grpc: 14,
    fix: 'A part of the mesh is away: look at massif doctor.',
  },
  DEADLINE: {
    retryable: false,
    http: 504,
    grpc: 4,
    fix: 'Give the call more time (Massif-Timeout, milliseconds), or look at massif top for what is slow.',
  },
  LEASE_LOST: {
    retryable: true,
    http: 409,
    grpc: 10,
    fix: 'Another process took over; it goes on with the work.',
  },
} as const satisfies Record<string, { retryable: boolean; http: number; grpc: number; fix: string }>;

export type ErrorCode = keyof typeof ERRORS;
export type FailureFields = Readonly<Record<string, unknown>>;

/** A failure of the world, as against a mistake of ours (those are assertions). */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly fields: FailureFields = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  get http(): number {
    return ERRORS[this.code].http;
  }

  get fix(): string {
    return ERRORS[this.code].fix;
  }

  /** Whole seconds a caller should wait; undefined where waiting does not help. */
  get retryAfterS(): number | undefined {
    if (this.http !== 503 && this.http !== 429) return undefined;
    return Math.max(1, Math.ceil((this.retryAfterMs ?? 0) / 1_000));
  }

  /** Until whoever refused has room again, where it knows. */
  get retryAfterMs(): number | undefined {
    const { retryAfterMs } = this.fields;
    return typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
  }

  /** The protocol's error body: `{"error": "..."}` with the code, so that programs can branch on it. */
  toBody(): { error: string; code: ErrorCode; retryable: boolean; step?: string } {
    const { step } = this;
    const body = { error: `${this.message} ${this.fix}`, code: this.code, retryable: this.retryable };
    return step === undefined ? body : { ...body, step };
  }

  /** Of a pipeline: where it failed. */
  get step(): string | undefined {
    const { step } = this.fields;
    return typeof step === 'string' ? step : undefined;
  }
}

/** `failure('TOO_LARGE', 'The body has 9 MB, the limit is 8 MB.', { bytes })`: the message says what, the code says what to do. */
export function failure(
  code: ErrorCode,
  message: string,
  fields: FailureFields = {},
  cause?: unknown,
): Failure {
  const options = cause === undefined ? undefined : { cause };
  if (!ERRORS[code].retryable) return new Failure(code, message, fields, options);
  // Who is overloaded refuses by the thousand, and walking the stack costs more than the refusal (6 us): these say where they
  // come from in their words.
  const depth = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new Failure(code, message, fields, options);
  } finally {
    Error.stackTraceLimit = depth;
  }
}

/** Whatever was thrown, as a failure: unknown errors become INTERNAL and keep their cause. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return failure('INTERNAL', error instanceof Error ? error.message : String(error), {}, error);
}

/** The same failure, saying in which step of a pipeline it happened; what names its step already stays as it is. */
export function inStep(error: Failure, step: string): Failure {
  if (error.step !== undefined) return error;
  const { code, message, fields, cause } = error;
  return failure(code, `Step "${step}": ${message}`, { ...fields, step }, cause);
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
