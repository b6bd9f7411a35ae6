// @ts-check
// Runs a program of set-up to its end; when it fails, the error carries what it wrote.
import { spawn } from 'node:child_process';

const OUTPUT_CHARS_MAX = 64 * 1024;
const LINES_FIRST = 30;
const LINES_LAST = 5;

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string>} what it wrote to its standard output
 */
export async function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let all = '';
    child.stdout.on('data', (chunk) => {
      out = (out + chunk).slice(-OUTPUT_CHARS_MAX);
      all = (all + chunk).slice(-OUTPUT_CHARS_MAX);
    });
    child.stderr.on('data', (chunk) => {
      all = (all + chunk).slice(-OUTPUT_CHARS_MAX);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else
        reject(
          new Error(
            `${[command, ...args].join(' ')} ended with ${signal ?? `code ${code}`}:\n${shortened(all)}`,
          ),
        );
    });
  });
}

/** The beginning, where the reason stands, and the end. @param {string} output */
function shortened(output) {
  const lines = output.trim().split('\n');
  const left = lines.length - LINES_FIRST - LINES_LAST;
  if (left <= 0) return lines.join('\n');
  return [...lines.slice(0, LINES_FIRST), `... ${left} more lines ...`, ...lines.slice(-LINES_LAST)].join(
    '\n',
  );
}
