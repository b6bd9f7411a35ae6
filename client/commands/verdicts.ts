// `massif verdicts`: what the auditor thinks of each version that answered, and what it did about it.
import { shortDigest } from '../../contracts/names.js';
import { OverridesReply } from '../../contracts/override.js';
import { subjects } from '../../contracts/subjects.js';
import { VerdictsReply } from '../../contracts/verdict.js';
import type { Command, Invocation } from '../cli/command.js';
import { everywhere } from '../cli/everywhere.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 5_000;

export const verdicts: Command = {
  name: 'verdicts',
  usage: 'verdicts [MODEL]',
  argumentsMax: 1,
  summary:
    'what the auditor thinks of each version that answers (normal, suspicious, abnormal), why, and what is withheld',
  async run(invocation: Invocation) {
    const { args, connections, out } = invocation;
    const [model] = args;
    const connected = await connections();
    const [reply, orders] = await Promise.all([
      connected.request(subjects.auditor('verdicts'), VerdictsReply, {}, TIMEOUT_MS),
      withholding(invocation),
    ]);
    const versions = reply.versions
      .filter((one) => model === undefined || one.model === model)
      .map((one) => ({ ...one, withheld: orders.get(one.version) ?? [] }));
    out.show({ ...reply, versions }, () =>
      table(
        [
          'model',
          'version',
          'digest',
          'verdict',
          'withheld',
          'baseline',
          'answered',
          'not seen',
          'told last',
          'why',
          'done',
        ],
        versions.map((one) => [
          one.model,
          one.label,
          shortDigest(one.version),
          one.judgement.verdict,
          one.withheld.join(', '),
          one.hasBaseline ? (one.tapped > 0 ? 'yes, tapped' : 'yes') : 'none',
          String(one.answered),
          String(one.leftOut + one.unheard),
          one.last ? `${one.last.judgement.verdict} ${one.last.at.slice(0, 19).replace('T', ' ')}` : '',
          (one.last?.judgement ?? one.judgement).why,
          one.last ? `${one.last.act}${one.last.note === '' ? '' : `: ${one.last.note}`}` : '',
        ]),
      ),
    );
  },
};

/** Of each version that an order keeps from answering: which order, where. What it answered last may have been normal. */
async function withholding(invocation: Invocation): Promise<Map<string, string[]>> {
  const asked = await everywhere(invocation, async (region) =>
    (await invocation.connections()).request(subjects.overrides(region), OverridesReply, {}, TIMEOUT_MS),
  );
  const found = new Map<string, string[]>();
  for (const { order } of asked.flatMap(({ reply }) => reply?.orders ?? [])) {
    const { target, action, region } = order;
    if (target.kind !== 'version' || action === 'lift') continue;
    found.set(target.version, [...(found.get(target.version) ?? []), `${action} in ${region}`]);
  }
  return found;
}
