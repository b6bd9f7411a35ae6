// `massif history MODEL [VERSION]`: what became of its versions, move by move.
import { shortDigest } from '../../contracts/names.js';
import { argument, type Command, type Invocation } from '../cli/command.js';
import { table } from '../cli/table.js';

export const history: Command = {
  name: 'history',
  usage: 'history MODEL [VERSION]',
  argumentsMax: 2,
  summary: 'the life of its versions: which state since when, by whom and why',
  async run({ args, client, out }: Invocation) {
    const model = argument(args, 0, 'MODEL');
    const version = args[1];
    const massif = await client('routed');
    const versions = await massif.registry.history({ model, ...(version !== undefined && { version }) });
    out.show(versions, () =>
      table(
        ['version', 'digest', 'at', 'state', 'by', 'why'],
        versions.flatMap(({ label, digest, moves, collectedAt }) => [
          ...moves.map(({ to, by, at, why }) => [label, shortDigest(digest), timeText(at), to, by, why]),
          ...(collectedAt === undefined
            ? []
            : [[label, shortDigest(digest), timeText(collectedAt), 'archived', 'registry', FILES_GONE]]),
        ]),
      ),
    );
  },
};

const FILES_GONE = 'its files are given up: nothing needs them any more';

const timeText = (at: string): string => at.slice(0, 19).replace('T', ' ');
