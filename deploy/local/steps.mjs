// @ts-check
// How set-up says what it is doing: a line when a long step begins, one every ten seconds while it lasts, one with its seconds
// at the end.

const STILL_EVERY_MS = 10_000;

/** @typedef {{ say(line: string): void, step<T>(what: string, action: () => Promise<T>): Promise<T> }} Steps */

/**
 * @param {boolean} quiet
 * @returns {Steps}
 */
export function createSteps(quiet) {
  /** @param {string} line */
  const say = (line) => {
    if (!quiet) process.stderr.write(`${line}\n`);
  };
  return {
    say,
    async step(what, action) {
      const began = process.hrtime.bigint();
      const seconds = () => `${(Number(process.hrtime.bigint() - began) / 1e9).toFixed(1)} s`;
      say(`${what} ...`);
      const still = setInterval(() => say(`${what} ... ${seconds()} so far`), STILL_EVERY_MS);
      try {
        const result = await action();
        say(`${what}: done in ${seconds()}`);
        return result;
      } finally {
        clearInterval(still);
      }
    },
  };
}
