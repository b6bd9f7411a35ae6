// `massif status`: which processes make up the mesh, and whether each endpoint could answer.
import type { MassifClient } from '../client.js';
import type { Command, Invocation } from '../cli/command.js';
import { bytesText, durationText, table } from '../cli/table.js';

export const status: Command = {
  name: 'status',
  usage: 'status',
  argumentsMax: 0,
  summary: 'processes of all regions, endpoints and whether they are ready',
  async run({ client, clock, out }: Invocation) {
    const massif = await client('routed');
    const [processes, endpoints] = await Promise.all([massif.processes(), massif.endpoints()]);
    const ready = await Promise.all(endpoints.map(({ name }) => massif.ready(name).catch(() => false)));
    const states = await Promise.all(
      endpoints.map(async ({ name }, i) =>
        ready[i] === true
          ? { endpoint: name, ready: true }
          : { endpoint: name, ready: false, why: await whyNot(massif, name) },
      ),
    );
    out.show({ processes, endpoints: states }, () =>
      [
        table(
          ['region', 'process', 'services', 'pid', 'memory', 'up', 'version'],
          processes.map((p) => [
            p.region,
            p.instance,
            p.services.join(' '),
            p.pid,
            bytesText(p.rssBytes),
            durationText(clock.now() - Date.parse(p.startedAt)),
            p.version,
          ]),
        ),
        '',
        table(
          ['endpoint', 'state', 'why'],
          states.map((s) => [s.endpoint, s.ready ? 'ready' : 'NOT READY', s.why ?? '']),
        ),
      ].join('\n'),
    );
    return processes.length > 0 && states.every((s) => s.ready) ? 0 : 1;
  },
};

/** In the router's words; undefined where it would answer by now, or does not say. */
async function whyNot(massif: Pick<MassifClient, 'explain'>, endpoint: string): Promise<string | undefined> {
  const explained = await massif.explain(endpoint).catch(() => undefined);
  return explained?.refusal === undefined ? undefined : explained.reasons.at(-1);
}
