// The ways in which a drill calls the mesh: through the client library, as any NATS client, over REST. Each checks the answer.
import { headers as natsHeaders } from '@nats-io/transport-node';
import type { MassifClient } from '../client/mod.js';
import { headers } from '../contracts/headers.js';
import { decodeInferResponse, encodeInferRequest, readJsonLength } from '../contracts/infer-body.js';
import { subjects } from '../contracts/subjects.js';
import type { RegionPlan } from '../deploy/local/topology.js';
import type { DrillMesh } from './harness.js';
import type { Caller } from './open-loop.js';

interface Asked {
  readonly input: Float32Array;
  /** Throws when the answer is not the one to this question. */
  check(output: unknown, modelVersion?: string): void;
}

export interface AskedTarget {
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly question: (n: number) => Asked;
}

export function clientCall(client: MassifClient, target: AskedTarget): Caller['call'] {
  return async (id, n) => {
    const question = target.question(n);
    const { outputs, attempts, modelVersion } = await client.infer(
      target.endpoint,
      { x: { data: question.input, shape: [1, question.input.length] } },
      { requestId: id, timeoutMs: target.timeoutMs },
    );
    question.check(outputs['y']?.data, modelVersion);
    return { attempts };
  };
}

/** What any NATS client can do: one request that says how long it waits, one answer, no second try. */
export async function natsCall(
  mesh: DrillMesh,
  region: RegionPlan,
  target: AskedTarget,
): Promise<Caller['call']> {
  const nc = await mesh.nats('application', region);
  return async (id, n) => {
    const question = target.question(n);
    const body = bodyOf(question);
    const sent = natsHeaders();
    sent.set(headers.requestId, id);
    sent.set(headers.jsonLength, String(body.jsonLength));
    sent.set(headers.timeoutMs, String(target.timeoutMs));
    const reply = await nc.request(subjects.infer(target.endpoint), body.bytes, {
      timeout: target.timeoutMs,
      headers: sent,
    });
    const status = reply.headers?.get(headers.errorStatus);
    if (status)
      throw Object.assign(new Error(status), { code: reply.headers?.get(headers.errorCode) ?? status });
    const jsonLength = readJsonLength(reply.headers?.get(headers.jsonLength), reply.data.length);
    checkBody(question, reply.data, jsonLength);
    return { attempts: 1 };
  };
}

export function restCall(url: string, target: AskedTarget): Caller['call'] {
  return async (id, n) => {
    const question = target.question(n);
    const body = bodyOf(question);
    const reply = await fetch(`${url}/v2/models/${target.endpoint}/infer`, {
      method: 'POST',
      body: body.bytes as Uint8Array<ArrayBuffer>,
      headers: {
        'content-type': 'application/octet-stream',
        [headers.jsonLength]: String(body.jsonLength),
        [headers.requestId]: id,
      },
      signal: AbortSignal.timeout(target.timeoutMs),
    });
    if (!reply.ok) {
      const { code } = (await reply.json().catch(() => ({}))) as { code?: string };
      throw Object.assign(new Error(String(reply.status)), { code: code ?? String(reply.status) });
    }
    const answer = new Uint8Array(await reply.arrayBuffer());
    const jsonLength = readJsonLength(reply.headers.get(headers.jsonLength) ?? undefined, answer.length);
    checkBody(question, answer, jsonLength);
    return { attempts: 1 };
  };
}

function checkBody(question: Asked, bytes: Uint8Array, jsonLength: number | undefined): void {
  const { outputs, modelVersion } = decodeInferResponse(bytes, jsonLength);
  question.check(outputs[0]?.data, modelVersion);
}

function bodyOf(question: Asked) {
  return encodeInferRequest({
    parameters: {},
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, question.input.length], data: question.input }],
    binaryOutput: true,
  });
}
