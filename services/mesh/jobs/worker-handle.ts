// A worker process as its actor sees it: forked for one job, heard, killed. It reports what happened and decides nothing.
import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { LEAVE, type WorkerMessage } from './work-messages.js';

export interface WorkerEvents {
  readonly said: (message: WorkerMessage) => void;
}

export class WorkerHandle {
  readonly pid: number;
  /** How it ended; never rejects. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;

  /** `entry` is the compiled program. */
  constructor(entry: string, folder: string, niceness: number, events: WorkerEvents) {
    this.child = fork(entry, [folder], { cwd: folder, execArgv: [], serialization: 'json' });
    this.pid = this.child.pid ?? 0;
    if (this.pid !== 0) setPriority(this.pid, niceness);
    this.child.on('message', (message: WorkerMessage) => events.said(message));
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`could not be forked: ${error.message}`));
      this.child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
  }

  /** It may save what it has; who asks decides how long it may take. */
  leave(): void {
    // It may be gone by now.
    if (this.child.connected) this.child.send(LEAVE, () => undefined);
  }

  /** SIGKILL: a run hears nothing else. */
  kill(): void {
    this.child.kill('SIGKILL');
  }
}
