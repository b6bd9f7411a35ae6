// @ts-check
// Unpacks a server from Debian's packages with apt's own client: no root, and nothing of the system's apt state is touched. The
// mirror is the one that this machine's apt uses already; signatures are checked against the system's Debian keyring.
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.mjs';
import { SERVERS } from './servers.mjs';

const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];
// A machine lists its Debian mirror among the first; what else it lists lacks the suites and only costs time.
const MIRRORS_MAX = 3;

/**
 * @typedef {object} Wanted
 * @property {readonly string[]} packages
 * @property {string} suite
 * @property {boolean} [withNeeds] also what they need and this machine lacks: the suite is this machine's own then
 */

/**
 * Unpacks the newest package of a server into `folder/unpacked`, working inside `folder` only. Throws when this machine's apt
 * cannot give it; the message says what was in the way.
 * @param {import('./servers.mjs').ServerKind} kind
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} the folder with the package's files
 */
export async function unpackFromDebian(kind, folder, env = process.env) {
  const { binary, suite } = SERVERS[kind];
  return unpackPackages({ packages: [binary], suite }, folder, env);
}

/**
 * The same for any packages.
 * @param {Wanted} wanted
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function unpackPackages(wanted, folder, env = process.env) {
  const keyring = await debianKeyring();
  const mirrors = await configuredMirrors(env);
  if (mirrors.length === 0)
    throw new Error("this machine's apt has no package source that could carry Debian's suites");
  /** @type {unknown[]} */
  const troubles = [];
  for (const mirror of mirrors.slice(0, MIRRORS_MAX)) {
    try {
      return await unpackFrom(mirror, keyring, wanted, folder, env);
    } catch (error) {
      troubles.push(error);
    }
  }
  throw new Error(
    `no package source of this machine's apt gave ${wanted.packages.join(', ')} from ${wanted.suite}`,
    {
      cause: new AggregateError(troubles),
    },
  );
}

async function debianKeyring() {
  for (const path of KEYRINGS) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  throw new Error('this is no Debian with apt: its archive keyring is not here');
}

/** @param {NodeJS.ProcessEnv} env */
async function configuredMirrors(env) {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  // Without the option it names only what was fetched before, which on a fresh machine is nothing.
  const options = ['--no-release-info', '--format', format];
  const lines = await run('apt-get', ['indextargets', ...options, 'Created-By: Packages'], { env });
  return mirrorsIn(lines);
}

/**
 * The mirrors worth asking, most likely first, from lines of "URI release component".
 * @param {string} lines
 */
export function mirrorsIn(lines) {
  const main = lines
    .split('\n')
    .map((line) => line.split(' '))
    .filter(
      ([uri, release, component]) =>
        uri && component === 'main' && !uri.startsWith('cdrom:') && !release?.includes('security'),
    );
  return [...new Set(main.map(([uri]) => String(uri)))];
}

/**
 * @param {string} mirror
 * @param {string} keyring
 * @param {Wanted} wanted
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 */
async function unpackFrom(mirror, keyring, { packages, suite, withNeeds }, folder, env) {
  const apt = join(folder, 'apt');
  const unpacked = join(folder, 'unpacked');
  for (const part of ['lists/partial', 'archives/partial', 'log'])
    await mkdir(join(apt, part), { recursive: true });
  await writeFile(join(apt, 'debian.sources'), sourcesFile(mirror, suite, keyring));
  const status = withNeeds ? await readFile('/var/lib/dpkg/status') : '';
  await writeFile(join(apt, 'status'), status);
  await writeFile(join(apt, 'apt.conf'), aptConfiguration(apt));
  const options = ['-c', join(apt, 'apt.conf'), '-qq'];
  await run('apt-get', [...options, 'update'], { cwd: apt, env });
  const install = [
    'install',
    '--download-only',
    '--no-install-recommends',
    '--yes',
    '-o',
    'Debug::NoLocking=1',
  ];
  const verb = withNeeds ? install : ['download'];
  await run('apt-get', [...options, ...verb, ...packages], { cwd: apt, env });
  const from = withNeeds ? join(apt, 'archives') : apt;
  const files = (await readdir(from)).filter((name) => name.endsWith('.deb'));
  if (files.length === 0) throw new Error(`apt-get left no package of ${packages.join(', ')}`);
  for (const file of files) await run('dpkg-deb', ['-x', join(from, file), unpacked], { env });
  return unpacked;
}

/**
 * @param {string} mirror
 * @param {string} suite
 * @param {string} keyring
 */
function sourcesFile(mirror, suite, keyring) {
  return [
    `Types: deb`,
    `URIs: ${mirror}`,
    `Suites: ${suite}`,
    'Components: main',
    'Targets: Packages',
    `Signed-By: ${keyring}`,
    '',
  ].join('\n');
}

/**
 * Read by apt after the system's own configuration, whose proxies and credentials stay in force.
 * @param {string} folder
 */
function aptConfiguration(folder) {
  return [
    `Dir::Etc::SourceList "${folder}/debian.sources";`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    `Dir::State "${folder}";`,
    `Dir::State::Lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}";`,
    `Dir::Cache::Archives "${folder}/archives";`,
    `Dir::Log "${folder}/log";`,
    // Started by root, apt would drop to a user who may not write to this folder.
    'APT::Sandbox::User "root";',
    // Hooks of the system clean its own caches and wake its own services.
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
    'APT::Update::Error-Mode "any";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    '',
  ].join('\n');
}
