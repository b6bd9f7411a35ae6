// A runbook's command blocks, as the drill executes them: what an operator reads at night is what was run in the test.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../deploy/local/root.mjs';

export interface CommandBlock {
  /** The heading above the block: `Symptom`, `Steps`, `Check`, ... */
  readonly section: string;
  readonly script: string;
}

export function commandBlocks(markdown: string): CommandBlock[] {
  const blocks: CommandBlock[] = [];
  let section = '';
  let open: string[] | undefined;
  for (const line of markdown.split('\n')) {
    if (open) {
      if (line.startsWith('```')) {
        blocks.push({ section, script: open.join('\n') });
        open = undefined;
      } else open.push(line);
    } else if (line.startsWith('#')) section = line.replace(/^#+\s*/, '');
    else if (/^```(sh|bash)\s*$/.test(line)) open = [];
  }
  if (open) throw new Error(`the last command block under "${section}" is not closed`);
  return blocks;
}

export async function readRunbook(path: string): Promise<CommandBlock[]> {
  const blocks = commandBlocks(await readFile(path, 'utf8'));
  if (blocks.length === 0)
    throw new Error(`${path} has no command block: a runbook without commands helps nobody`);
  return blocks;
}

/** A runbook as a drill reads it, section by section in the middle of its faults; what failed is kept for the report. */
export class OpenRunbook {
  readonly failed: string[] = [];

  private constructor(
    private readonly blocks: readonly CommandBlock[],
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** `name` in deploy/runbooks; `env`: what its commands find beside ours. */
  static async open(name: string, env: NodeJS.ProcessEnv): Promise<OpenRunbook> {
    const blocks = await readRunbook(join(root, 'deploy', 'runbooks', `${name}.md`));
    return new OpenRunbook(blocks, { ...process.env, ...env });
  }

  /** All of it where no section is named. */
  async run(section?: string, more: NodeJS.ProcessEnv = {}): Promise<void> {
    for (const block of this.blocks.filter((one) => section === undefined || one.section === section)) {
      const { code, output } = await runBlock(block, root, { ...this.env, ...more });
      if (code !== 0) this.failed.push(`${block.section}: ${block.script}\n${output}`);
    }
  }
}

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs one block in a shell that stops at the first failing command. */
export async function runBlock(block: CommandBlock, cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn('sh', ['-euc', block.script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  return { code, output };
}
