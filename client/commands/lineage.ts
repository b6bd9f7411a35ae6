// `massif lineage MODEL [VERSION]`: which version was made from which, and how.
import { shortDigest } from '../../contracts/names.js';
import { argument, type Command, type Invocation } from '../cli/command.js';
import { table } from '../cli/table.js';

export const lineage: Command = {
  name: 'lineage',
  usage: 'lineage MODEL [VERSION]',
  argumentsMax: 2,
  summary: 'which version was made from which, and how',
  async run({ args, client, out }: Invocation) {
    const model = argument(args, 0, 'MODEL');
    const version = args[1];
    const massif = await client('routed');
    const versions = await massif.registry.lineage({ model, ...(version !== undefined && { version }) });
    out.show(versions, () =>
      table(
        ['version', 'digest', 'made from', 'how'],
        versions.map((v) => [
          v.label,
          shortDigest(v.digest),
          v.parent ? shortDigest(v.parent) : '',
          v.method ?? '',
        ]),
      ),
    );
  },
};
