// `massif top`: what each replica does right now, what the autoscaler makes of it, who has the nodes of the pools; redrawn every second.
// `--once` prints one picture.
import { isOpen } from '../../contracts/job.js';
import { HEARTBEAT_MS, HEARTBEAT_STALE_MS } from '../../contracts/heartbeat.js';
import { shortDigest } from '../../contracts/names.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import type { ScalingReply } from '../../contracts/scaling.js';
import type { Command, Invocation } from '../cli/command.js';
import { bytesText, table } from '../cli/table.js';
import type { MassifClient } from '../client.js';
import { CompressorClient } from '../compressor.js';
import type { Connections } from '../connections.js';
import { type ShardBeat, ShardBeats } from '../shard-beats.js';
import { TrainerClient } from '../trainer.js';
import { endpointsTable, jobsTable, type OpenJob, poolsTable, preemptionLines } from './scaling-view.js';

const REDRAW_MS = 1_000;
const CLEAR = '\u001b[2J\u001b[H';

export const top: Command = {
  name: 'top',
  usage: 'top [--once]',
  argumentsMax: 0,
  summary: 'what each replica does right now, what the autoscaler makes of it, pools and jobs',
  options: { once: { type: 'boolean' } },
  async run({ values, client, connections, clock, signal, out }: Invocation) {
    const massif = await client('routed');
    const joined = await connections();
    const beats = new ShardBeats(clock);
    joined.onJoin((bus) => beats.listen(bus));
    if (values['once'] === true || out.json) {
      await clock.sleep(2 * HEARTBEAT_MS + 200, signal); // two beats, for the rates
      const [endpoints, seen] = await Promise.all([massif.endpoints(), look(massif, joined)]);
      out.show(
        { shards: beats.all().map(({ beat }) => beat), ...seen },
        () => `${picture(beats.all(), endpoints, clock.monotonicMs())}${scaledPicture(seen, clock.now())}`,
      );
      return;
    }
    let endpoints: EndpointRecord[] = [];
    let seen: Seen = { scaling: undefined, jobs: [] };
    while (!signal.aborted) {
      // What does not answer keeps what it said last.
      [endpoints, seen] = await Promise.all([
        massif.endpoints().catch(() => endpoints),
        look(massif, joined, seen),
      ]);
      const text = `${picture(beats.all(), endpoints, clock.monotonicMs())}${scaledPicture(seen, clock.now())}`;
      out.text(`${CLEAR}${text}\n\nCtrl-C ends.\n`);
      await clock.sleep(REDRAW_MS, signal).catch(() => undefined);
    }
  },
};

interface Seen {
  readonly scaling: ScalingReply | undefined;
  readonly jobs: readonly OpenJob[];
}

async function look(massif: MassifClient, connections: Connections, before?: Seen): Promise<Seen> {
  const told = async (kind: string, client: TrainerClient | CompressorClient): Promise<OpenJob[]> =>
    (await client.jobs()).jobs
      .filter(isOpen)
      .map(({ job, ...rest }) => ({ ...rest, kind, model: job.model }));
  const [scaling, trainings, compressions] = await Promise.all([
    massif.scaling().catch(() => before?.scaling),
    told('train', new TrainerClient(connections)).catch(
      () => before?.jobs.filter(({ kind }) => kind === 'train') ?? [],
    ),
    told('compress', new CompressorClient(connections)).catch(
      () => before?.jobs.filter(({ kind }) => kind === 'compress') ?? [],
    ),
  ]);
  return { scaling, jobs: [...trainings, ...compressions] };
}

function scaledPicture({ scaling, jobs }: Seen, nowMs: number): string {
  const parts: string[] = [];
  const schedule = scaling?.schedule;
  if (scaling && scaling.endpoints.length > 0) parts.push(endpointsTable(scaling, nowMs));
  if (schedule && schedule.pools.length > 0) parts.push(poolsTable(schedule));
  if (jobs.length > 0) parts.push(jobsTable(jobs, schedule));
  if (schedule && schedule.preemptions.length > 0) parts.push(preemptionLines(schedule).join('\n'));
  return parts.map((part) => `\n\n${part}`).join('');
}

export function picture(
  shards: readonly ShardBeat[],
  endpoints: readonly EndpointRecord[],
  nowMs: number,
): string {
  const served = (version: string): string =>
    endpoints
      .filter(({ variants }) => variants.some((variant) => variant.version === version))
      .map(({ name }) => name)
      .join(' ');
  const labels = new Map(endpoints.flatMap(({ variants }) => variants.map((v) => [v.version, v.label])));
  const rows = shards.flatMap(({ beat, heardMs, ratePerS }) =>
    beat.replicas.map((replica) => [
      served(replica.version) || '-',
      `${replica.model} ${labels.get(replica.version) ?? shortDigest(replica.version)}`,
      beat.region,
      beat.shard,
      nowMs - heardMs > HEARTBEAT_STALE_MS ? 'SILENT' : replica.state,
      replica.inFlight,
      replica.capacity,
      Number(replica.latencyMs.toFixed(1)),
      Number((ratePerS.get(replica.id) ?? 0).toFixed(1)),
      replica.failed,
    ]),
  );
  const head = ['endpoint', 'version', 'region', 'shard', 'state', 'in flight', 'of', 'ms', '/s', 'failed'];
  const hosts = shards.map(({ beat }) => [
    beat.region,
    beat.shard,
    beat.state,
    beat.engines.length,
    bytesText(beat.engines.reduce((sum, engine) => sum + engine.rssBytes, 0)),
  ]);
  return `${table(head, rows)}\n\n${table(['region', 'shard', 'state', 'engines', 'memory'], hosts)}`;
}
