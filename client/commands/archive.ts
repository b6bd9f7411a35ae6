// `massif archive MODEL VERSION`: takes a version that nothing uses out of sight.
import { userInfo } from 'node:os';
import { argument, type Command, type Invocation, text } from '../cli/command.js';

export const archive: Command = {
  name: 'archive',
  usage: 'archive MODEL VERSION [--why TEXT] [--by PERSON]',
  argumentsMax: 2,
  summary: 'takes a version that no endpoint serves out of the lists; after a while its files go',
  options: { why: { type: 'string' }, by: { type: 'string' } },
  async run({ args, values, client, out }: Invocation) {
    const query = { model: argument(args, 0, 'MODEL'), version: argument(args, 1, 'VERSION') };
    const by = text(values, 'by') ?? userInfo().username;
    await (await client('routed')).registry.archive({ ...query, by, why: text(values, 'why') ?? '' });
    out.show(query, () => `${query.version} of ${query.model} is archived`);
  },
};
