// `massif sign FILE`: the signed manifest of a version as a file, made where the key is. Somebody else may push it.
import { writeFile } from 'node:fs/promises';
import { privateKeyOf } from '../../services/mesh/trust/signing-key.js';
import { argument, type Command, type Invocation, text, UsageError } from '../cli/command.js';
import { readKeyFile } from '../cli/key-files.js';
import { signFiles } from '../push.js';
import { FILE_HELP, FILE_OPTIONS, filesOf } from './version-files.js';

export const sign: Command = {
  name: 'sign',
  usage: 'sign FILE --name MODEL --out BUNDLE [--card FILE] [--labels FILE] [--external [NAME=]FILE ...]',
  argumentsMax: 1,
  summary: 'signs an ONNX file and what belongs to it, without a mesh; massif push --bundle publishes it',
  help: `  --name MODEL            the model it is a version of
  --out BUNDLE            where the bundle goes: OpenSSF Model Signing, to be checked by any tool that knows it
${FILE_HELP}
  --key FILE              the publisher's key (else MASSIF_KEYS/publisher.pem, else that of the mesh on this machine)`,
  options: {
    name: { type: 'string' },
    out: { type: 'string' },
    key: { type: 'string' },
    ...FILE_OPTIONS,
  },
  async run(invocation: Invocation) {
    const { args, values, out } = invocation;
    const path = argument(args, 0, 'FILE');
    const model = text(values, 'name');
    const bundlePath = text(values, 'out');
    if (!model || !bundlePath)
      throw new UsageError('--name says what it is, --out where its signed manifest goes');
    const key = privateKeyOf(await readKeyFile(invocation, 'publisher.pem', 'which key signs'));
    const { bundle, root, sources } = await signFiles(await filesOf(path, values), model, key);
    await writeFile(bundlePath, `${JSON.stringify(bundle, null, 2)}\n`);
    const files = sources.map(({ name, digest, bytes }) => ({ name, digest, bytes }));
    out.show(
      { model, version: root, bundle: bundlePath, files },
      () => `${bundlePath}: ${model} ${root}, ${files.length} file(s) signed`,
    );
  },
};
