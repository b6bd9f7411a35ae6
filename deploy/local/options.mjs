// @ts-check
// The options of `npm start` and of the set-up step: arguments in, plain values out, a sentence for what is wrong.
import { parseArgs } from 'node:util';

/** @typedef {{ gpu: boolean, smoke: boolean, development: boolean, help: boolean, port?: number }} StartOptions */

export const HELP = `npm start -- [options]

  --nats PATH     the nats-server to run (else PATH, else a cached copy, else unpacked from Debian)
  --consul PATH   the consul to run (found the same way)
  --port N        the first port (7400 when not given); the block moves up by 20 when one of its ports is taken
  --gpu           fetch the CUDA libraries of the inference engine
  --development   nobody shows who he is and everybody may do everything; on loopback alone
  --smoke         start, send one inference through every door of each region, print a table, stop
  --help          this text`;

/** A mistake in how we were called; the process ends with exit code 64. */
export class InvalidOption extends Error {
  /** @override */
  name = 'InvalidOption';
}

const SERVERS = { nats: { type: 'string' }, consul: { type: 'string' }, gpu: { type: 'boolean' } };

/**
 * Paths of servers go into `env`, where our own processes and theirs look for them.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {StartOptions}
 */
export function parseStartOptions(args, env) {
  const values = parse(args, {
    ...SERVERS,
    port: { type: 'string' },
    smoke: { type: 'boolean' },
    development: { type: 'boolean' },
    help: { type: 'boolean' },
  });
  nameServers(values, env);
  const options = {
    gpu: values['gpu'] === true,
    smoke: values['smoke'] === true,
    development: values['development'] === true,
    help: values['help'] === true,
  };
  return typeof values['port'] === 'string' ? { ...options, port: toPort(values['port']) } : options;
}

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
export function parseSetupOptions(args, env) {
  const values = parse(args, { ...SERVERS, quiet: { type: 'boolean' }, style: { type: 'boolean' } });
  nameServers(values, env);
  return {
    gpu: values['gpu'] === true,
    quiet: values['quiet'] === true,
    style: values['style'] === true,
  };
}

/**
 * @param {string[]} args
 * @param {Record<string, { type: string }>} options
 * @returns {Record<string, unknown>}
 */
function parse(args, options) {
  try {
    return parseArgs({
      args,
      options: /** @type {import('node:util').ParseArgsConfig['options']} */ (options),
    }).values;
  } catch (error) {
    const [sentence] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new InvalidOption(`${sentence}. See npm start -- --help.`);
  }
}

/**
 * @param {Record<string, unknown>} values
 * @param {NodeJS.ProcessEnv} env
 */
function nameServers(values, env) {
  if (typeof values['nats'] === 'string') env['MASSIF_NATS'] = values['nats'];
  if (typeof values['consul'] === 'string') env['MASSIF_CONSUL'] = values['consul'];
}

/** The block must end below 65536, after all its moves too. @param {string} text */
function toPort(text) {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1024 && port <= 65_000) return port;
  throw new InvalidOption(
    `--port must be a whole number from 1024 to 65000, got "${text}". See npm start -- --help.`,
  );
}
