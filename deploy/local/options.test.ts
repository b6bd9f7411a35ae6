import { expect, test } from 'vitest';
import { InvalidOption, parseSetupOptions, parseStartOptions } from './options.mjs';

test('paths of servers reach the processes by their environment', () => {
  const env: NodeJS.ProcessEnv = {};
  expect(parseStartOptions(['--nats', '/opt/nats-server', '--consul=/opt/consul', '--smoke'], env)).toEqual({
    gpu: false,
    smoke: true,
    development: false,
    help: false,
  });
  expect(env).toEqual({ MASSIF_NATS: '/opt/nats-server', MASSIF_CONSUL: '/opt/consul' });
});

test.each([
  [['--port', 'fast'], '--port must be a whole number from 1024 to 65000, got "fast"'],
  [['--port', '80'], '--port must be a whole number from 1024 to 65000, got "80"'],
  [['--speed'], "Unknown option '--speed'"],
  [['now'], "Unexpected argument 'now'"],
  [['--nats'], "Option '--nats <value>' argument missing"],
])('%j is answered with a sentence', (args, sentence) => {
  expect(() => parseStartOptions(args, {})).toThrow(InvalidOption);
  expect(() => parseStartOptions(args, {})).toThrow(sentence);
});

test('set-up takes --quiet and --style', () => {
  expect(parseSetupOptions(['--quiet'], {})).toEqual({ gpu: false, quiet: true, style: false });
  expect(parseSetupOptions(['--style'], {})).toEqual({ gpu: false, quiet: false, style: true });
});
