// How long each node took, from onnxruntime's own profile. The planner prefers it to counted costs; bytes of weights it takes
// from cost.ts, because the profile leaves out weights that were packed while loading.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { refusal } from './refusal.js';
import { openSession, type SessionOptions, type Tensors } from './session.js';

export interface NodeTime {
  /** As in the graph that ran; onnxruntime numbers nodes without a name. */
  readonly name: string;
  readonly opType: string;
  readonly runs: number;
  /** Median over the runs: first runs and interruptions do not count for more than one. */
  readonly medianMs: number;
  readonly activationBytes: number;
  /** Type and shape of each output in the last run. */
  readonly outputs: readonly { readonly type: string; readonly shape: readonly number[] }[];
}

interface ProfileEvent {
  readonly cat?: unknown;
  readonly name?: unknown;
  readonly dur?: unknown;
  readonly args?: Readonly<Record<string, unknown>>;
}

const SUFFIX = '_kernel_time';

/** Reads the trace, in the order the nodes first ran. Throws MODEL_REFUSED where the text is no such trace. */
export function readProfile(json: string): NodeTime[] {
  const byName = new Map<string, ProfileEvent[]>();
  for (const event of parse(json)) {
    const { name } = event;
    if (event.cat !== 'Node' || typeof name !== 'string' || !name.endsWith(SUFFIX)) continue;
    const key = name.slice(0, -SUFFIX.length);
    const known = byName.get(key);
    if (known === undefined) byName.set(key, [event]);
    else known.push(event);
  }
  return [...byName].map(([name, events]) => summary(name, events));
}

/** Runs the model `runs` times on the same inputs and reads the profile. */
export async function profile(
  model: Uint8Array,
  feeds: Tensors,
  runs = 10,
  options: Omit<SessionOptions, 'profilePrefix'> = {},
): Promise<NodeTime[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'massif-profile-'));
  try {
    {
      await using session = await openSession(model, { ...options, profilePrefix: path.join(folder, 'run') });
      for (let run = 0; run < runs; run++) await session.run(feeds);
      session.endProfiling();
    }
    const [file] = await readdir(folder);
    if (file === undefined) throw refusal('onnxruntime wrote no profile.');
    return readProfile(await readFile(path.join(folder, file), 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parse(json: string): ProfileEvent[] {
  let events: unknown;
  try {
    events = JSON.parse(json);
  } catch (cause) {
    throw refusal('This is not a profile of onnxruntime: it is not JSON.', {}, cause);
  }
  if (!Array.isArray(events))
    throw refusal('This is not a profile of onnxruntime: it is not a list of events.');
  return events.filter((event): event is ProfileEvent => typeof event === 'object' && event !== null);
}

function summary(name: string, events: readonly ProfileEvent[]): NodeTime {
  const durations = events.map((event) => Number(event.dur) / 1000).sort((a, b) => a - b);
  const args = events.at(-1)?.args ?? {};
  const middle = durations.length >> 1;
  const median =
    durations.length % 2 === 1
      ? durations[middle]
      : ((durations[middle - 1] ?? 0) + (durations[middle] ?? 0)) / 2;
  return {
    name,
    opType: typeof args['op_name'] === 'string' ? args['op_name'] : '',
    runs: events.length,
    medianMs: median ?? 0,
    activationBytes: Number(args['activation_size'] ?? 0),
    outputs: outputsOf(args['output_type_shape']),
  };
}

/** `[{"float": [1, 10]}, ...]` */
function outputsOf(list: unknown): NodeTime['outputs'] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) =>
    Object.entries(entry ?? {}).map(([type, shape]) => ({
      type,
      shape: Array.isArray(shape) ? shape.map(Number) : [],
    })),
  );
}
