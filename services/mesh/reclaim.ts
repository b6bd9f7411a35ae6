// Gives memory back that JavaScript holds and nothing needs: a young generation that a burst made large, the bytes of a model once the
// library has made its own of them. The collector does not see that they are worth its while and would keep them until something else
// fills the heap. load.ts asks for it; give-back.ts when a process is idle.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

export function reclaim(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
