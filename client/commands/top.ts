// `massif top`: what each replica does right now, redrawn every second; `--once` prints one picture.
import { HEARTBEAT_MS, HEARTBEAT_STALE_MS } from '../../contracts/heartbeat.js';
import { shortDigest } from '../../contracts/names.js';
import type { EndpointRecord } from '../../contracts/registry.js';
import type { Command, Invocation } from '../cli/command.js';
import { bytesText, table } from '../cli/table.js';
import { type ShardBeat, ShardBeats } from '../shard-beats.js';

const REDRAW_MS = 1_000;
const CLEAR = '\u001b[2J\u001b[H';

export const top: Command = {
  name: 'top',
  usage: 'top [--once]',
  summary: 'what each replica does right now: load, latency, answers a second',
  options: { once: { type: 'boolean' } },
  async run({ values, client, connections, clock, signal, out }: Invocation) {
    const massif = await client('routed');
    const beats = new ShardBeats(clock);
    (await connections()).onJoin((bus) => beats.listen(bus));
    if (values['once'] === true || out.json) {
      await clock.sleep(2 * HEARTBEAT_MS + 200, signal); // two beats, for the rates
      const endpoints = await massif.endpoints();
      out.show(
        beats.all().map(({ beat }) => beat),
        () => picture(beats.all(), endpoints, clock.monotonicMs()),
      );
      return;
    }
    let endpoints: EndpointRecord[] = [];
    while (!signal.aborted) {
      endpoints = await massif.endpoints().catch(() => endpoints);
      out.text(`${CLEAR}${picture(beats.all(), endpoints, clock.monotonicMs())}\n\nCtrl-C ends.\n`);
      await clock.sleep(REDRAW_MS, signal).catch(() => undefined);
    }
  },
};

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
