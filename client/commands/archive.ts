// `massif archive MODEL VERSION`: takes a version that no endpoint serves out of sight.
import { argument, type Command, type Invocation } from '../cli/command.js';

export const archive: Command = {
  name: 'archive',
  usage: 'archive MODEL VERSION',
  summary: 'takes a version that no endpoint serves out of the lists',
  async run({ args, client, out }: Invocation) {
    const query = { model: argument(args, 0, 'MODEL'), version: argument(args, 1, 'VERSION') };
    await (await client('routed')).registry.archive(query);
    out.show(query, () => `${query.version} of ${query.model} is archived`);
  },
};
