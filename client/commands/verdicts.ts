// `massif verdicts`: what the auditor thinks of each version that answered, and what it did about it.
import { shortDigest } from '../../contracts/names.js';
import { subjects } from '../../contracts/subjects.js';
import { VerdictsReply } from '../../contracts/verdict.js';
import type { Command, Invocation } from '../cli/command.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 5_000;

export const verdicts: Command = {
  name: 'verdicts',
  usage: 'verdicts [MODEL]',
  argumentsMax: 1,
  summary: 'what the auditor thinks of each version that answers: normal, suspicious, abnormal, and why',
  async run({ args, connections, out }: Invocation) {
    const [model] = args;
    const reply = await (
      await connections()
    ).request(subjects.auditor('verdicts'), VerdictsReply, {}, TIMEOUT_MS);
    const versions = reply.versions.filter((one) => model === undefined || one.model === model);
    out.show({ ...reply, versions }, () =>
      table(
        [
          'model',
          'version',
          'digest',
          'verdict',
          'baseline',
          'answered',
          'not seen',
          'told last',
          'why',
          'done',
        ],
        versions.map(
          ({
            model: name,
            label,
            version,
            judgement,
            hasBaseline,
            tapped,
            answered,
            leftOut,
            unheard,
            last,
          }) => [
            name,
            label,
            shortDigest(version),
            judgement.verdict,
            hasBaseline ? (tapped > 0 ? 'yes, tapped' : 'yes') : 'none',
            String(answered),
            String(leftOut + unheard),
            last ? `${last.judgement.verdict} ${last.at.slice(0, 19).replace('T', ' ')}` : '',
            (last?.judgement ?? judgement).why,
            last ? `${last.act}${last.note === '' ? '' : `: ${last.note}`}` : '',
          ],
        ),
      ),
    );
  },
};
