// `massif` as a shell sees it: what it writes and its exit code. The mesh behind it is one real NATS server with an identity model.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsServer, startNats } from '../../deploy/local/nats.js';
import { IdentityRegion } from '../testing/identity-region.js';
import { runCommandLine } from './command-line.js';
import { COMMANDS } from './commands.js';

let dir: string;
let nats: NatsServer;
let region: IdentityRegion;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'massif-cli-'));
  nats = await startNats({ dir, region: 'east' });
  region = await IdentityRegion.start('east', nats.url);
});
afterAll(async () => {
  await region[Symbol.asyncDispose]();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

async function massif(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const code = await runCommandLine(args, {
    env: { MASSIF_NATS_URLS: nats.url },
    cwd: dir,
    isRunning: () => false,
    signal: new AbortController().signal,
    write: (text) => void (written.out += text),
    writeNote: (text) => void (written.err += text),
  });
  return { code, ...written };
}

test('help names every command, and every command explains itself', async () => {
  const { code, out } = await massif('help');
  expect(code).toBe(0);
  for (const { name, usage } of COMMANDS) {
    expect(out).toContain(`  ${name} `);
    expect(usage.split(' ')[0]).toBe(name);
    for (const asking of [
      ['help', name],
      [name, '--help'],
    ]) {
      const help = await massif(...asking);
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(help.out).toContain(`massif ${usage}`);
      expect(help.out).toContain('--json');
    }
  }
  expect((await massif()).out).toBe(out);
  expect((await massif('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('a word more than a command takes is a mistake that is told, before anything is asked', async () => {
  for (const { name, argumentsMax } of COMMANDS) {
    if (argumentsMax === Infinity) continue;
    const words = Array.from({ length: argumentsMax + 1 }, (_, i) => `word${i}`);
    const { code, out, err } = await massif(name, ...words);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toContain(`${name}: "word${argumentsMax}" is one word too many`);
  }
});

test('every option of a command is named in its help or its usage', () => {
  for (const { options = {}, usage, help = '' } of COMMANDS) {
    for (const option of Object.keys(options)) expect(usage + help).toContain(`--${option}`);
  }
});

test.each([
  [['frobnicate'], /there is no command frobnicate/],
  [['infer'], /ENDPOINT is missing/],
  [['infer', 'ocr'], /one of --image, --wav and --request/],
  [['infer', 'ocr', '--image', 'a', '--wav', 'b'], /one of --image/],
  [['infer', 'ocr', '--image'], /argument missing/],
  [['infer', 'ocr', '--colour', 'red'], /--colour/],
  [['deploy', 'ocr', '--replicas', 'many'], /whole number, got "many"/],
  [['push', 'model.onnx'], /--name and --label/],
  [['split', 'ocr'], /one of --stages and --fit/],
  [['split', 'ocr', '--fit', '-3MB'], /argument|--fit/],
  [['split', 'ocr', '--fit', '0'], /a memory above 0/],
  [['split', 'ocr', '--stages', '2', '--link', 'fast'], /--link is MS,MBIT/],
  [['split', 'ocr', '--stages', '2', '--dims', 'w'], /--dims is NAME=SIZE/],
])('%j is called wrongly: 64, and what is right', async (args, sentence) => {
  const { code, out, err } = await massif(...args);
  expect([code, out]).toEqual([64, '']);
  expect(err).toMatch(sentence);
  expect(err).toMatch(/usage: massif|massif help/);
});

test('a request body of the protocol goes to the model, and its response comes out', async () => {
  const path = join(dir, 'request.json');
  const inputs = [{ name: 'x', shape: [2], datatype: 'INT64', data: [1, 2] }];
  await writeFile(path, JSON.stringify({ id: 'r', inputs }));
  for (const way of [[], ['--routed']]) {
    const { code, out } = await massif('infer', 'identity', '--request', path, ...way);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      model_name: 'identity',
      model_version: 'v1',
      id: 'r',
      outputs: inputs,
    });
  }
});

test('endpoints print as a table, and as JSON for machines', async () => {
  expect((await massif('endpoints')).out).toMatch(/^endpoint .*\nidentity +identity +v1 +b{12} +100 %/);
  expect(JSON.parse((await massif('endpoints', '--json')).out)).toMatchObject([{ name: 'identity' }]);
});

test('top shows each replica once', async () => {
  const { code, out } = await massif('top', '--once');
  expect(code).toBe(0);
  expect(out.match(/shard-east +ready +0 +100/g)).toHaveLength(1);
});

test('a failure tells its code, what happened and what to do: 1', async () => {
  const missing = await massif('infer', 'identity', '--request', join(dir, 'nowhere.json'));
  expect(missing).toMatchObject({ code: 1, out: '' });
  expect(missing.err).toMatch(/^massif: BAD_REQUEST: The file .* cannot be read\.\n {2}Correct/);
  const lost = await massif('models', '--json');
  expect(lost.code).toBe(1);
  expect(JSON.parse(lost.err)).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('registry') as string,
  });
});

test('doctor names what is missing in a mesh that is not whole: 1', async () => {
  const { code, out } = await massif('doctor');
  expect(code).toBe(1);
  expect(out).toMatch(/ok +nats .*region east/);
  expect(out).toMatch(/LOOK +registry/);
  expect(out).toMatch(/BAD +endpoint identity/);
  expect(out).toMatch(/What to do\n/);
});

test('without a mesh in sight the command says how to get one', async () => {
  const lines: string[] = [];
  const code = await runCommandLine(['status'], {
    env: {},
    cwd: tmpdir(),
    isRunning: () => false,
    signal: new AbortController().signal,
    write: () => undefined,
    writeNote: (text) => void lines.push(text),
  });
  expect([code, lines.join('')]).toEqual([
    1,
    expect.stringMatching(/run npm start, or say where it is with --nats/),
  ]);
});
