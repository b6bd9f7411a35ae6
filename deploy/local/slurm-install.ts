// Slurm's programs on this machine: installed, or unpacked from this Debian's own packages into the per-user cache. The drill `slurm`
// asks; nothing that Massif needs to run does.
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unpackPackages } from './debian-packages.mjs';
import { withLock } from './lock.mjs';
import { cacheFolder } from './servers.mjs';

export interface SlurmFiles {
  /** `squeue` and its like. */
  readonly tools: string;
  readonly daemons: string;
  readonly libraries: readonly string[];
  readonly plugins: string;
}

const PACKAGES = ['munge', 'slurm-client', 'slurmctld', 'slurmd'];
// Debian's packages are called slurmd-wlm and the like, and its alternatives give them their names. Under another name a daemon does not
// know itself and leaves the plugins for GPUs out.
const DAEMONS = ['slurmctld', 'slurmd', 'slurmstepd'];

/** Throws where this machine has none and its apt cannot give it. */
export async function slurmFiles(env = process.env): Promise<SlurmFiles> {
  const installed = await filesIn('/');
  if (installed) return installed;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  if (suite === undefined) throw new Error('this is no Debian');
  const cache = cacheFolder(env);
  const home = join(cache, `slurm-${suite}-${process.arch}`);
  await mkdir(cache, { recursive: true });
  await withLock(
    join(cache, 'lock'),
    () => undefined,
    async () => {
      if (!(await filesIn(home))) await unpack(suite, cache, home, env);
    },
  );
  const unpacked = await filesIn(home);
  if (!unpacked)
    throw new Error(`Debian's packages of ${suite} have Slurm's files where nobody looks for them`);
  return unpacked;
}

async function unpack(suite: string, cache: string, home: string, env: NodeJS.ProcessEnv): Promise<void> {
  // On the same file system as the cache: it moves in whole or not at all.
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    const unpacked = await unpackPackages({ packages: PACKAGES, suite, withNeeds: true }, draft, env);
    for (const name of DAEMONS) {
      const alias = join(unpacked, 'usr', 'sbin', name);
      if (!(await exists(alias))) await symlink(`${name}-wlm`, alias);
    }
    await rm(home, { recursive: true, force: true });
    await rename(unpacked, home);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function filesIn(root: string): Promise<SlurmFiles | undefined> {
  const daemons = join(root, 'usr', 'sbin');
  const tools = join(root, 'usr', 'bin');
  const needed = [...DAEMONS, 'munged'].map((name) => join(daemons, name));
  for (const path of [...needed, join(tools, 'squeue')]) if (!(await exists(path))) return undefined;
  const lib = join(root, 'usr', 'lib');
  for (const triple of await readdir(lib)) {
    const plugins = join(lib, triple, 'slurm-wlm');
    if (await exists(join(plugins, 'gres_gpu.so')))
      return { tools, daemons, plugins, libraries: root === '/' ? [] : [dirname(plugins), plugins] };
  }
  return undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
