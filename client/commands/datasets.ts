// `massif datasets`: what was uploaded to learn from. A job names a data set by its digest, so that the same bytes are used again:
// `massif train DIGEST --name MODEL --target COLUMN`.
import { shortDigest } from '../../contracts/names.js';
import type { Command, Invocation } from '../cli/command.js';
import { bytesText, table } from '../cli/table.js';
import { TrainerClient } from '../trainer.js';

export const datasets: Command = {
  name: 'datasets',
  usage: 'datasets [FILE ...]',
  argumentsMax: Infinity,
  summary: 'data sets that were uploaded; with files or folders of pictures, uploads them',
  options: {},
  async run({ args, connections, out }: Invocation) {
    const trainer = new TrainerClient(await connections());
    for (const path of args) await trainer.upload(path);
    const found = await trainer.datasets();
    return out.show(found, () =>
      table(
        ['data set', 'digest', 'size', 'uploaded'],
        found.map(({ name, digest, bytes, createdAt }) => [
          name,
          shortDigest(digest),
          bytesText(bytes),
          createdAt.slice(0, 16).replace('T', ' '),
        ]),
      ),
    );
  },
};
