import { expect, test } from 'vitest';
import { killOrphans } from './orphans.js';

const world = (files: Record<string, string>) => {
  const killed: number[] = [];
  return {
    killed,
    files,
    list: () =>
      Object.keys(files)
        .filter((path) => path.startsWith('/e/'))
        .map((path) => path.slice(3)),
    read: (path: string) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    remove: (path: string) => void delete files[path],
    kill: (pid: number) => void killed.push(pid),
  };
};

test('an engine that outlived its host is killed by the next one', () => {
  const w = world({
    '/e/10-1.note': '',
    '/e/10-1.note.pid': '77',
    '/proc/77/cmdline': 'node\0/x/engine.js\0name',
  });
  expect(killOrphans('/e', '/x/engine.js', w)).toBe(1);
  expect(w.killed).toEqual([77]);
  expect(Object.keys(w.files)).toEqual(['/proc/77/cmdline']);
});

test('a process that only has the number of one is left alone', () => {
  const w = world({
    '/e/10-1.note.pid': '77',
    '/e/10-2.note.pid': '78',
    '/proc/77/cmdline': 'vim\0engine.js',
  });
  expect(killOrphans('/e', '/x/engine.js', w)).toBe(0);
  expect(w.killed).toEqual([]);
});
