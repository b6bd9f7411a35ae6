// `massif push FILE`: signs an ONNX file and what belongs to it, uploads it and publishes it as a version.
import { shortDigest } from '../../contracts/names.js';
import { readBundle } from '../../services/mesh/trust/manifest.js';
import { argument, type Command, type Invocation, text, texts, UsageError } from '../cli/command.js';
import { readKeyFile } from '../cli/key-files.js';
import { bytesText } from '../cli/table.js';
import { FILE_HELP, FILE_OPTIONS, filesOf, readBytes } from './version-files.js';

export const push: Command = {
  name: 'push',
  usage:
    'push FILE --name MODEL --label LABEL [--card FILE] [--labels FILE] [--external [NAME=]FILE ...] [--bundle FILE] [--alias ALIAS ...]',
  argumentsMax: 1,
  summary: 'signs and publishes an ONNX file as an immutable version',
  help: `  --name MODEL            the model it is a version of
  --label LABEL           what people call this version, such as v2
${FILE_HELP}
  --bundle FILE           a manifest that was signed elsewhere (massif sign), instead of a key
  --alias ALIAS           aliases to move to this version, such as stable
  --key FILE              the publisher's key (else MASSIF_KEYS/publisher.pem, else that of the mesh on this machine)`,
  options: {
    name: { type: 'string' },
    label: { type: 'string' },
    ...FILE_OPTIONS,
    bundle: { type: 'string' },
    alias: { type: 'string', multiple: true },
    key: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const { args, values, out } = invocation;
    const path = argument(args, 0, 'FILE');
    const model = text(values, 'name');
    const label = text(values, 'label');
    if (!model || !label) throw new UsageError('--name and --label say which version this becomes');
    const files = await filesOf(path, values);
    const bundlePath = text(values, 'bundle');
    const signed =
      bundlePath === undefined
        ? { privateKeyPem: await readKeyFile(invocation, 'publisher.pem', 'which key signs') }
        : { bundle: readBundle(await readBytes(bundlePath)) };
    const massif = await invocation.client('routed');
    const { version, created } = await massif.registry.push(files, {
      model,
      label,
      ...signed,
      aliases: texts(values, 'alias'),
      onProgress: (file, state) => {
        if (state === 'uploading') out.note(`uploading ${file.name}, ${bytesText(file.bytes)}`);
      },
    });
    out.show({ version, created }, () =>
      created
        ? `${model} ${label} is published: ${shortDigest(version.digest)}, ${bytesText(version.bytes)}, signed by ${version.signer.person}`
        : `${model} ${label} was published already: ${shortDigest(version.digest)}`,
    );
  },
};
