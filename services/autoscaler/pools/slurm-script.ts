// What a Slurm job of ours is: one process (a shard host, or a trainer or compressor with one job of ours), which drains or saves when the
// job is asked to end and is put into the queue again when it died.
export interface NodeScript {
  /** Node's binary and the process's program, as the cluster's machines see them. */
  readonly node: string;
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  /** A process that dies so many times is broken, not unlucky. */
  readonly restartsMax: number;
}

export function nodeScript({ node, entry, env, restartsMax }: NodeScript): string {
  return [
    '#!/bin/sh',
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    'mkdir -p "$MASSIF_DATA"',
    `${quoted(node)} ${quoted(entry)} &`,
    'child=$!',
    'asked=no',
    `trap 'asked=yes; kill -TERM "$child" 2>/dev/null' TERM`,
    'wait "$child"',
    'code=$?',
    // A trapped signal ends the wait before the process has drained.
    'while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done',
    '[ "$asked" = yes ] && exit 0',
    'echo "the process ended with code $code"',
    `[ "$code" -eq 0 ] || [ "\${SLURM_RESTART_COUNT:-0}" -ge ${restartsMax} ] || exec scontrol requeue "$SLURM_JOB_ID"`,
    'exit "$code"',
    '',
  ].join('\n');
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
