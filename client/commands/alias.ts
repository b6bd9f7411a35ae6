// `massif alias MODEL ALIAS VERSION`: moves a name such as `stable` to a version.
import { argument, type Command, type Invocation } from '../cli/command.js';

export const alias: Command = {
  name: 'alias',
  usage: 'alias MODEL ALIAS VERSION',
  argumentsMax: 3,
  summary: 'moves a name such as stable to a version (label or digest)',
  async run({ args, client, out }: Invocation) {
    const request = {
      model: argument(args, 0, 'MODEL'),
      alias: argument(args, 1, 'ALIAS'),
      version: argument(args, 2, 'VERSION'),
    };
    await (await client('routed')).registry.alias(request);
    out.show(request, () => `${request.alias} of ${request.model} is ${request.version} now`);
  },
};
