// `massif infer ENDPOINT`: one inference with a picture of a line, a sound, or a request body of the protocol.
import { readFile } from 'node:fs/promises';
import { failure } from '../../contracts/errors.js';
import { decodeInferRequest, encodeInferResponse } from '../../contracts/infer-body.js';
import { RESOURCES } from '../../contracts/manifest.js';
import {
  argument,
  type Command,
  type Invocation,
  text,
  UsageError,
  type Values,
  wholeNumber,
} from '../cli/command.js';
import { table } from '../cli/table.js';
import type { InferOptions, MassifClient } from '../mod.js';
import { readLabels } from '../../contracts/classification.js';
import { pageText, readPage } from '../ocr/read-page.js';
import { readLine } from '../ocr/read-line.js';
import { detectSpeech, detectSpeechInSequence } from '../vad/detect-speech.js';
import { readWav, SAMPLE_RATE } from '../vad/wav.js';

export const infer: Command = {
  name: 'infer',
  usage:
    'infer ENDPOINT (--image FILE | --wav FILE | --request FILE) [--user USER] [--version VERSION] [--routed]',
  argumentsMax: 1,
  summary: 'one inference: the text of a picture, the speech in a sound, or a request of your own',
  help: `  --image FILE       PNG of one line of text for a PP-OCRv4 recogniser, or of a page for a pipeline that takes one: prints the text
  --wav FILE         16-bit WAV at 16 kHz, for Silero VAD: prints the intervals of speech
  --request FILE     body of the Open Inference Protocol as JSON (- reads it from stdin): prints the response
  --user USER        opaque key of sticky routing
  --version VERSION  a version by label or digest, past the weights
  --timeout MS       for each call, retries included
  --routed           through a router instead of straight to the engine`,
  options: {
    image: { type: 'string' },
    wav: { type: 'string' },
    request: { type: 'string' },
    user: { type: 'string' },
    version: { type: 'string' },
    timeout: { type: 'string' },
    routed: { type: 'boolean' },
  },
  async run(invocation: Invocation) {
    const { args, values } = invocation;
    const endpoint = argument(args, 0, 'ENDPOINT');
    const given = (['image', 'wav', 'request'] as const).filter((kind) => text(values, kind) !== undefined);
    const [kind] = given;
    if (!kind || given.length > 1)
      throw new UsageError('one of --image, --wav and --request says what to send');
    const bytes = await readInput(text(values, kind) ?? '');
    const massif = await invocation.client(values['routed'] === true ? 'routed' : 'direct');
    await RUN[kind](massif, endpoint, bytes, invocation);
  },
};

type Run = (
  massif: MassifClient,
  endpoint: string,
  bytes: Uint8Array,
  invocation: Invocation,
) => Promise<void>;

const RUN: Record<'image' | 'wav' | 'request', Run> = {
  async image(massif, endpoint, bytes, { values, out }) {
    const options = inferOptions(values);
    const pipeline = await massif.pipeline(endpoint);
    if (pipeline?.inputs.some(({ name }) => name === 'image')) {
      const lines = await readPage(
        bytes,
        async (inputs) => (await massif.infer(endpoint, inputs, options)).outputs,
      );
      return out.show({ lines }, () => pageText(lines));
    }
    let ran = '';
    const line = await readLine(
      bytes,
      async (inputs) => {
        const { outputs, modelVersion } = await massif.infer(endpoint, inputs, options);
        ran = modelVersion;
        return outputs;
      },
      // Of a model that was split, the last stage has the labels.
      () => labelsOf(massif, pipeline?.steps.at(-1)?.endpoint ?? endpoint, pipeline ? undefined : ran),
    );
    out.show({ text: line, modelVersion: ran }, () => line);
  },

  async wav(massif, endpoint, bytes, { values, out }) {
    const options = inferOptions(values);
    const samples = readWav(bytes);
    const speech = await speechIn(massif, endpoint, samples, options);
    out.show({ seconds: samples.length / SAMPLE_RATE, speech }, () =>
      speech.length === 0
        ? 'no speech'
        : table(
            ['from', 'to'],
            speech.map(({ startS, endS }) => [`${startS.toFixed(2)} s`, `${endS.toFixed(2)} s`]),
          ),
    );
  },

  async request(massif, endpoint, bytes, { values, out }) {
    const { inputs, outputs, parameters, id } = decodeInferRequest(bytes, undefined);
    const result = await massif.infer(
      endpoint,
      Object.fromEntries(inputs.map((tensor) => [tensor.name, tensor])),
      {
        ...inferOptions(values),
        parameters,
        ...(outputs && { outputs: outputs.map(({ name }) => name) }),
      },
    );
    const response = {
      modelName: endpoint,
      modelVersion: result.modelVersion,
      outputs: Object.values(result.outputs),
      ...(id !== undefined && { id }),
    };
    out.text(`${new TextDecoder().decode(encodeInferResponse(response, { binaryOutput: false }).bytes)}\n`);
  },
};

/** The mesh carries the state where the endpoint keeps it, else we do. */
async function speechIn(
  massif: MassifClient,
  endpoint: string,
  samples: Float32Array,
  options: InferOptions,
) {
  const record = (await massif.endpoints()).find(({ name }) => name === endpoint);
  if (record?.stateful !== true)
    return detectSpeech(samples, async (inputs) => (await massif.infer(endpoint, inputs, options)).outputs);
  const { user, version, timeoutMs } = options;
  const sequence = massif.sequence(endpoint, {
    ...(user !== undefined && { user }),
    ...(version !== undefined && { version }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  return detectSpeechInSequence(samples, {
    start: async (inputs) => (await sequence.start(inputs)).outputs,
    step: async (inputs) => (await sequence.step(inputs)).outputs,
    end: async (inputs) => (await sequence.end(inputs)).outputs,
  });
}

/** The labels that were signed together with the version that ran. */
/** `version`: the one that ran, where the answer named it. */
async function labelsOf(massif: MassifClient, endpoint: string, version?: string): Promise<string[]> {
  const record = (await massif.endpoints()).find(({ name }) => name === endpoint);
  const served = version ?? record?.variants[0]?.version ?? '';
  const ran = await massif.version(record?.model ?? endpoint, served);
  const labels = await massif.file(ran, RESOURCES.labels);
  if (labels) return readLabels(new TextDecoder().decode(labels));
  throw failure(
    'BAD_REQUEST',
    `Version ${ran.label} of ${ran.model} was pushed without labels: push it with --labels.`,
  );
}

function inferOptions(values: Values): InferOptions {
  const user = text(values, 'user');
  const version = text(values, 'version');
  const timeoutMs = wholeNumber(values, 'timeout');
  return {
    ...(user !== undefined && { user }),
    ...(version !== undefined && { version }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

async function readInput(path: string): Promise<Uint8Array> {
  if (path !== '-') {
    return readFile(path).catch((error: unknown) => {
      throw failure('BAD_REQUEST', `The file ${path} cannot be read.`, {}, error);
    });
  }
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}
