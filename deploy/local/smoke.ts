// Sends one real inference of each example through every door of each region and compares what comes back: `npm start -- --smoke`.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect as connectNats, headers as natsHeaders } from '@nats-io/transport-node';
import type { Call } from '../../client/call.js';
import { inputTensors } from '../../client/input-tensors.js';
import { connect } from '../../client/mod.js';
import { readLabels } from '../../contracts/classification.js';
import { readLine } from '../../client/ocr/read-line.js';
import { detectSpeech } from '../../client/vad/detect-speech.js';
import { readWav } from '../../client/vad/wav.js';
import type { BusUser } from '../../contracts/bus-users.js';
import { headers } from '../../contracts/headers.js';
import {
  type Body,
  decodeInferResponse,
  encodeInferRequest,
  readJsonLength,
} from '../../contracts/infer-body.js';
import { RESOURCES } from '../../contracts/manifest.js';
import { subjects } from '../../contracts/subjects.js';
import { connectAs } from '../../services/mesh/bus-key.js';
import { busKeyPath } from './bus-keys.js';
import { readDoorKey } from './door-key.js';
import { grpcDoor } from './smoke-grpc.js';
import { root } from './root.mjs';
import type { RegionDoors } from '../../contracts/state-file.js';
import type { MeshState } from './state.mjs';

export interface SmokeLine {
  readonly region: string;
  readonly door: string;
  readonly expected: string;
  readonly got: string;
}

interface Interval {
  readonly startS: number;
  readonly endS: number;
}

interface Expected {
  readonly ocr: { readonly image: string; readonly text: string };
  readonly page: { readonly image: string; readonly lines: readonly string[] };
  readonly vad: { readonly wav: string; readonly speech: readonly Interval[]; readonly toleranceS: number };
}

/** A way in: how an inference of an endpoint goes through it. */
type Door = (endpoint: string) => Call;

const TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 30_000;
const samplePath = (name: string): string => join(root, 'deploy', 'examples', name);

/** One line for every door of each region and each example. */
export async function smoke(state: MeshState): Promise<SmokeLine[]> {
  const expected = JSON.parse(await readFile(samplePath('expected.json'), 'utf8')) as Expected;
  const lines: SmokeLine[] = [];
  for (const region of state.regions) lines.push(...(await smokeRegion(region, state, expected)));
  return lines;
}

async function smokeRegion(
  region: RegionDoors,
  { keys, development }: MeshState,
  expected: Expected,
): Promise<SmokeLine[]> {
  const key = (user: BusUser): string | undefined => (development ? undefined : busKeyPath(keys, user));
  const authorization = development ? undefined : await readDoorKey(keys);
  const [image, wav] = await Promise.all([
    readFile(samplePath(expected.ocr.image)),
    readFile(samplePath(expected.vad.wav)),
  ]);
  await using client = await connect({ nats: region.nats, key: key('client') });
  const labels = async (): Promise<string[]> => {
    const version = await client.registry.show({ model: 'ocr' });
    return readLabels(new TextDecoder().decode(await client.file(version, RESOURCES.labels)));
  };
  const nc = await connectNats({ ...connectAs(key('application')), servers: region.nats });
  const grpc = region.grpc === undefined ? undefined : grpcDoor(region.grpc, TIMEOUT_MS, authorization);
  const doors: Record<string, Door> = {
    NATS: (endpoint) => viaBody((body) => askNats(nc, endpoint, body)),
    REST: (endpoint) => viaBody((body) => askRest(region.rest, endpoint, body, authorization)),
    ...(grpc && { gRPC: grpc.door }),
    client: (endpoint) => async (inputs) => (await client.infer(endpoint, inputs)).outputs,
  };
  const lines: SmokeLine[] = [];
  const add = (door: string, right: string, got: string): void =>
    void lines.push({ region: region.name, door, expected: right, got });
  for (const [name, door] of Object.entries(doors)) {
    add(`${name}, ocr`, expected.ocr.text, await said(() => readLine(image, door('ocr'), labels)));
    const found = said(async () => compare(await detectSpeech(readWav(wav), door('vad')), expected.vad));
    add(`${name}, vad`, intervalsText(expected.vad.speech), await found);
  }
  if (!development) add('REST, without a key', '401', String((await fetch(`${region.rest}/v2`)).status));
  await nc.close();
  grpc?.close();
  const command = (...args: string[]) =>
    said(() => runCommand(['infer', ...args, '--region', region.name, '--json']));
  const read = await command('ocr', '--image', samplePath(expected.ocr.image));
  add(
    'command line, ocr',
    expected.ocr.text,
    pick(read, (json) => String(json['text'])),
  );
  const page = await command('ocr-page', '--image', samplePath(expected.page.image));
  add(
    'command line, ocr-page',
    expected.page.lines.join(' / '),
    pick(page, (json) => (json['lines'] as { text: string }[]).map(({ text }) => text).join(' / ')),
  );
  const heard = await command('vad', '--wav', samplePath(expected.vad.wav));
  const speech = pick(heard, (json) => compare(json['speech'] as Interval[], expected.vad));
  add('command line, vad', intervalsText(expected.vad.speech), speech);
  return lines;
}

/** A call that travels as the protocol's body. */
function viaBody(ask: (body: Body) => Promise<Body>): Call {
  return async (inputs) => {
    const request = { parameters: {}, inputs: inputTensors(inputs), binaryOutput: true };
    const { bytes, jsonLength } = await ask(encodeInferRequest(request));
    return Object.fromEntries(
      decodeInferResponse(bytes, jsonLength).outputs.map((output) => [output.name, output]),
    );
  };
}

async function askNats(
  nc: Awaited<ReturnType<typeof connectNats>>,
  endpoint: string,
  body: Body,
): Promise<Body> {
  const sent = natsHeaders();
  if (body.jsonLength !== undefined) sent.set(headers.jsonLength, String(body.jsonLength));
  const reply = await nc.request(subjects.infer(endpoint), body.bytes, {
    timeout: TIMEOUT_MS,
    headers: sent,
  });
  const error = reply.headers?.get(headers.errorText);
  if (error) throw new Error(error);
  return {
    bytes: reply.data,
    jsonLength: readJsonLength(reply.headers?.get(headers.jsonLength), reply.data.length),
  };
}

async function askRest(
  url: string,
  endpoint: string,
  body: Body,
  authorization: string | undefined,
): Promise<Body> {
  const reply = await fetch(`${url}/v2/models/${endpoint}/infer`, {
    method: 'POST',
    body: body.bytes as Uint8Array<ArrayBuffer>,
    headers: {
      'content-type': 'application/octet-stream',
      ...(authorization !== undefined && { authorization }),
      ...(body.jsonLength !== undefined && { [headers.jsonLength]: String(body.jsonLength) }),
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const bytes = new Uint8Array(await reply.arrayBuffer());
  if (!reply.ok) throw new Error(`${reply.status} ${new TextDecoder().decode(bytes)}`);
  return {
    bytes,
    jsonLength: readJsonLength(reply.headers.get(headers.jsonLength) ?? undefined, bytes.length),
  };
}

async function runCommand(args: readonly string[]): Promise<string> {
  const massif = join(root, 'deploy', 'local', 'massif.mjs');
  const options = { cwd: root, timeout: COMMAND_TIMEOUT_MS };
  return (await promisify(execFile)(process.execPath, [massif, ...args], options)).stdout;
}

/** What came back, or in words why nothing did: a smoke test reports, it does not stop. */
async function said(ask: () => Promise<string>): Promise<string> {
  return ask().catch((error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`);
}

function pick(output: string, from: (json: Record<string, unknown>) => string): string {
  return output.startsWith('failed') ? output : from(JSON.parse(output) as Record<string, unknown>);
}

/** The expected text when every interval is within the tolerance, else what was found. */
function compare(found: readonly Interval[], { speech, toleranceS }: Expected['vad']): string {
  const near = (a: number, b: number | undefined): boolean =>
    b !== undefined && Math.abs(a - b) <= toleranceS + 1e-9;
  const right =
    found.length === speech.length &&
    found.every(({ startS, endS }, i) => near(startS, speech[i]?.startS) && near(endS, speech[i]?.endS));
  return intervalsText(right ? speech : found);
}

const intervalsText = (intervals: readonly Interval[]): string =>
  intervals.length === 0
    ? 'no speech'
    : intervals.map(({ startS, endS }) => `${startS.toFixed(2)}-${endS.toFixed(2)} s`).join(', ');

export function passed(lines: readonly SmokeLine[]): boolean {
  return lines.length > 0 && lines.every((line) => line.got === line.expected);
}

export function smokeTable(lines: readonly SmokeLine[]): string {
  const rows = [
    ['region', 'door', 'expected', 'got', ''],
    ...lines.map(({ region, door, expected, got }) => [
      region,
      door,
      expected,
      got,
      got === expected ? 'ok' : 'WRONG',
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
