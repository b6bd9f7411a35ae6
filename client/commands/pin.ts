// `massif pin ENDPOINT [USER SHARD|none]`: users that one shard answers, and the list of them.
import { argument, type Command, type Invocation, UsageError } from '../cli/command.js';
import { table } from '../cli/table.js';

export const pin: Command = {
  name: 'pin',
  usage: 'pin ENDPOINT  |  pin ENDPOINT USER SHARD|none',
  argumentsMax: 3,
  summary: 'lets one shard answer a user, as long as it can',
  help: `  ENDPOINT               its pins
  ENDPOINT USER SHARD    the shard loads what the endpoint serves, and answers this user from then on
  ENDPOINT USER none     the user goes where the route sends everybody`,
  async run({ args, client, out }: Invocation) {
    const endpoint = argument(args, 0, 'ENDPOINT');
    const massif = await client('routed');
    const [, user, shard] = args;
    if (user === undefined) {
      const found = (await massif.registry.endpoints()).find(({ name }) => name === endpoint);
      const pins = Object.entries(found?.pins ?? {});
      return out.show(Object.fromEntries(pins), () =>
        pins.length === 0 ? `nobody of ${endpoint} is pinned` : table(['user', 'shard'], pins),
      );
    }
    if (shard === undefined) throw new UsageError('pin takes a user and a shard, or a user and none');
    const { endpoint: record } = await massif.registry.pin({
      endpoint,
      user,
      shard: shard === 'none' ? null : shard,
    });
    out.show(record.pins ?? {}, () =>
      shard === 'none'
        ? `${user} goes where the route says`
        : `${user} is answered by ${shard} once it is ready`,
    );
  },
};
