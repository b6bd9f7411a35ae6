// `massif undeploy ENDPOINT`: the endpoint answers no more; its model and versions stay.
import { argument, type Command, type Invocation } from '../cli/command.js';

export const undeploy: Command = {
  name: 'undeploy',
  usage: 'undeploy ENDPOINT',
  argumentsMax: 1,
  summary: 'takes an endpoint away; its model and versions stay',
  async run({ args, client, out }: Invocation) {
    const endpoint = argument(args, 0, 'ENDPOINT');
    await (await client('routed')).registry.undeploy(endpoint);
    out.show({ endpoint }, () => `${endpoint} is taken away`);
  },
};
