// Ends a test run with the tests that passed only at the second try, each with what it said the first time, and then with the one
// plain line that CI reads: "N passed, N failed, N skipped".
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class Counted implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const n = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests('passed')) if (test.diagnostic()?.flaky) tellFlaky(test);
      n.failed += module.errors().length; // a file that did not even load
      for (const test of module.children.allTests()) n[test.result().state]++;
    }
    console.log(`${n.passed} passed, ${n.failed} failed, ${n.skipped + n.pending} skipped`);
  }
}

function tellFlaky(test: TestCase): void {
  const [error] = test.result().errors ?? [];
  console.log(`flaky: ${test.module.relativeModuleId} > ${test.fullName}: ${error?.message ?? ''}`);
}
