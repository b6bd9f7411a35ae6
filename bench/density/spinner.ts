// Burns processor time in a process of its own and does nothing else: what any work costs its neighbours on this machine.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export class Spinner implements Disposable {
  private readonly child: ChildProcess = fork(fileURLToPath(import.meta.url), [SPIN]);

  burn(ms: number): void {
    this.child.send(ms);
  }

  [Symbol.dispose](): void {
    this.child.disconnect();
  }
}

const SPIN = 'spin';

if (process.argv[2] === SPIN)
  process.on('message', (ms: number) => {
    const begun = process.cpuUsage();
    const spentUs = (): number => {
      const { user, system } = process.cpuUsage(begun);
      return user + system;
    };
    while (spentUs() < ms * 1_000);
  });
