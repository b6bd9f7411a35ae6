// Ends a test run with the one plain line that CI reads: "N passed, N failed, N skipped".
import type { Reporter, TestModule } from 'vitest/node';

export default class Counted implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const n = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      n.failed += module.errors().length; // a file that did not even load
      for (const test of module.children.allTests()) n[test.result().state]++;
    }
    console.log(`${n.passed} passed, ${n.failed} failed, ${n.skipped + n.pending} skipped`);
  }
}
