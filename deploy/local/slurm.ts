// A Slurm cluster on this machine, on loopback and in a folder of its own: munge, a controller, and two machines with two GPUs each that
// are character devices of the system. The drill `slurm` starts it.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { totalmem, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child, type ProcessSpec } from './child.js';
import { freePorts } from './free-ports.js';
import type { SlurmFiles } from './slurm-install.js';

export const MACHINES = ['one', 'two'];
const READY_MS_MAX = 60_000;
const END_MS_MAX = 10_000;
const QUEUE_EMPTY_MS_MAX = 60_000;

export class LocalSlurm implements AsyncDisposable {
  private readonly children: Child[] = [];
  /** With it in PATH, Slurm's tools speak to this cluster. */
  readonly tools: string;

  private constructor(
    private readonly dir: string,
    private readonly files: SlurmFiles,
  ) {
    this.tools = join(dir, 'bin');
  }

  static async start(files: SlurmFiles, dir: string): Promise<LocalSlurm> {
    const cluster = new LocalSlurm(dir, files);
    await cluster.write();
    try {
      const munged = join(files.daemons, 'munged');
      const socket = join(dir, 'munge.socket');
      const munge = ['--foreground', '--force', `--socket=${socket}`, `--key-file=${join(dir, 'munge.key')}`];
      const rest = [`--pid-file=${join(dir, 'munged.pid')}`, `--seed-file=${join(dir, 'munge.seed')}`];
      const works = (): Promise<boolean> => cluster.says('munge', ['-n', `--socket=${socket}`]);
      await cluster.run('munged', munged, [...munge, ...rest], works);
      const up = (): Promise<boolean> => cluster.says('scontrol', ['ping'], / is UP/);
      await cluster.run('slurmctld', join(files.daemons, 'slurmctld'), ['-D', '-c'], up);
      const step = join(files.daemons, 'slurmstepd');
      await Promise.all(
        MACHINES.map((name) => {
          const idle = (): Promise<boolean> =>
            cluster.says('sinfo', ['-h', '-N', '-n', name, '-o', '%T'], /^idle$/m);
          const args = ['-D', '-N', name, '-d', step];
          return cluster.run(`slurmd-${name}`, join(files.daemons, 'slurmd'), args, idle);
        }),
      );
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What one of Slurm's tools prints. */
  async ask(tool: string, args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(this.tools, tool), args, { timeout: 10_000 });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const emptyBy = performance.now() + QUEUE_EMPTY_MS_MAX;
    await this.ask('scancel', ['--me']).catch(() => undefined);
    while (performance.now() < emptyBy && (await this.says('squeue', ['-h'], /\S/)))
      await new Promise((resolve) => setTimeout(resolve, 200));
    for (const child of this.children.toReversed()) await child.end(END_MS_MAX);
  }

  private async run(
    name: string,
    command: string,
    args: readonly string[],
    ready: () => Promise<boolean>,
  ): Promise<void> {
    const env = { SLURM_CONF: join(this.dir, 'slurm.conf'), LD_LIBRARY_PATH: this.files.libraries.join(':') };
    const spec: ProcessSpec = { name, kind: 'slurm', command, args, env, ready, readyWithinMs: READY_MS_MAX };
    const child = new Child(spec, join(this.dir, 'logs', `${name}.log`));
    this.children.push(child);
    await child.ready;
  }

  private says(tool: string, args: readonly string[], pattern = /./): Promise<boolean> {
    return this.ask(tool, args).then(
      (printed) => pattern.test(printed),
      () => false,
    );
  }

  private async write(): Promise<void> {
    const { dir, files, tools } = this;
    const [controller = 0, ...ports] = await freePorts(1 + MACHINES.length);
    for (const part of ['bin', 'logs', 'state', ...MACHINES])
      await mkdir(join(dir, part), { recursive: true });
    await writeFile(join(dir, 'munge.key'), randomBytes(128), { mode: 0o400 });
    await writeFile(join(dir, 'slurm.conf'), slurmConf(dir, files.plugins, controller, ports));
    await writeFile(join(dir, 'cgroup.conf'), 'CgroupPlugin=cgroup/v1\n');
    const gres = `NodeName=${MACHINES.join(',')} Name=gpu Type=lab File=/dev/null,/dev/zero`;
    await writeFile(join(dir, 'gres.conf'), `AutoDetect=off\n${gres}\n`);
    for (const tool of ['munge', 'sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo']) {
      const lines = [
        '#!/bin/sh',
        `export SLURM_CONF='${join(dir, 'slurm.conf')}'`,
        ...(files.libraries.length > 0 ? [`export LD_LIBRARY_PATH='${files.libraries.join(':')}'`] : []),
        `exec '${join(files.tools, tool)}' "$@"`,
      ];
      await writeFile(join(tools, tool), `${lines.join('\n')}\n`);
      await chmod(join(tools, tool), 0o755);
    }
  }
}

function slurmConf(dir: string, plugins: string, controller: number, ports: readonly number[]): string {
  const user = userInfo().username;
  const memoryMib = Math.floor(totalmem() / 1_048_576 / 2);
  return [
    'ClusterName=massif',
    'SlurmctldHost=localhost(127.0.0.1)',
    `SlurmctldPort=${controller}`,
    `SlurmUser=${user}`,
    `SlurmdUser=${user}`,
    // A job that is put back into the queue waits until its credential has run out: two minutes when nothing is said.
    `AuthInfo=socket=${join(dir, 'munge.socket')},cred_expire=5`,
    `PluginDir=${plugins}`,
    `StateSaveLocation=${join(dir, 'state')}`,
    `SlurmdSpoolDir=${join(dir, '%n')}`,
    `SlurmctldPidFile=${join(dir, 'slurmctld.pid')}`,
    `SlurmdPidFile=${join(dir, 'slurmd-%n.pid')}`,
    'CommunicationParameters=NoCtldInAddrAny,NoInAddrAny',
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'MpiDefault=none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core_Memory',
    'SchedulerType=sched/backfill',
    'ReturnToService=2',
    'KillWait=5',
    'GresTypes=gpu',
    // Both are this machine, and neither has it to itself.
    'SlurmdParameters=config_overrides',
    ...MACHINES.map(
      (name, i) =>
        `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=4 RealMemory=${memoryMib} Gres=gpu:lab:2`,
    ),
    `PartitionName=main Nodes=${MACHINES.join(',')} Default=YES MaxTime=60 State=UP`,
    '',
  ].join('\n');
}
