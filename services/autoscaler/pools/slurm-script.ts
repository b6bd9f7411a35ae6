// What a Slurm job of ours is: one shard host, which drains when the job is asked to end and is put into the queue again when it died.
export interface ShardScript {
  /** Node's binary and the shard host's program, as the cluster's machines see them. */
  readonly node: string;
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  /** A host that dies so many times is broken, not unlucky. */
  readonly restartsMax: number;
}

export function shardScript({ node, entry, env, restartsMax }: ShardScript): string {
  return [
    '#!/bin/sh',
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    'mkdir -p "$MASSIF_DATA"',
    `${quoted(node)} ${quoted(entry)} &`,
    'shard=$!',
    'asked=no',
    `trap 'asked=yes; kill -TERM "$shard" 2>/dev/null' TERM`,
    'wait "$shard"',
    'code=$?',
    // A trapped signal ends the wait before the shard has drained.
    'while kill -0 "$shard" 2>/dev/null; do wait "$shard"; code=$?; done',
    '[ "$asked" = yes ] && exit 0',
    'echo "the shard host ended with code $code"',
    `[ "$code" -eq 0 ] || [ "\${SLURM_RESTART_COUNT:-0}" -ge ${restartsMax} ] || exec scontrol requeue "$SLURM_JOB_ID"`,
    'exit "$code"',
    '',
  ].join('\n');
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
