// `massif models [MODEL]`: what is published; with a name its versions.
import { shortDigest } from '../../contracts/names.js';
import type { ModelsReply } from '../../contracts/registry.js';
import type { Command, Invocation } from '../cli/command.js';
import { bytesText, table } from '../cli/table.js';

type Model = ModelsReply['models'][number];

export const models: Command = {
  name: 'models',
  usage: 'models [MODEL] [--archived]',
  argumentsMax: 1,
  summary: 'published models; with a name its versions, inputs and outputs',
  options: { archived: { type: 'boolean' } },
  async run({ args, values, client, out }: Invocation) {
    const found = await (await client('routed')).registry.models(args[0], values['archived'] === true);
    out.show(found, () => (args[0] === undefined ? overview(found) : found.map(details).join('\n\n')));
  },
};

function overview(found: readonly Model[]): string {
  return table(
    ['model', 'versions', 'aliases', 'newest', 'size', 'licence'],
    found.map(({ model, versions, aliases }) => {
      const newest = versions.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];
      const names = Object.entries(aliases).map(([alias, digest]) => {
        const label = versions.find((version) => version.digest === digest)?.label;
        return `${alias}=${label ?? shortDigest(digest)}`;
      });
      const size = bytesText(newest?.bytes ?? 0);
      return [model, versions.length, names.join(' '), newest?.label ?? '', size, newest?.card.licence ?? ''];
    }),
  );
}

function details({ model, versions, aliases }: Model): string {
  const aliasesOf = (digest: string): string =>
    Object.entries(aliases)
      .filter(([, target]) => target === digest)
      .map(([alias]) => alias)
      .join(' ');
  const rows = versions.map((v) => [
    v.label,
    shortDigest(v.digest),
    v.state,
    aliasesOf(v.digest),
    bytesText(v.bytes),
    v.parameterCount,
    v.signer.person,
    v.createdAt.slice(0, 16).replace('T', ' '),
  ]);
  const head = ['version', 'digest', 'state', 'aliases', 'size', 'parameters', 'signed by', 'created'];
  const newest = versions.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0];
  const tensors = [
    ...(newest?.inputs ?? []).map((spec) => ['input', spec.name, spec.datatype, `[${spec.shape.join(',')}]`]),
    ...(newest?.outputs ?? []).map((spec) => [
      'output',
      spec.name,
      spec.datatype,
      `[${spec.shape.join(',')}]`,
    ]),
  ];
  return [model, table(head, rows), '', table(['', 'name', 'datatype', 'shape'], tensors)].join('\n');
}
