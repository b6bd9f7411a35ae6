// The process that publishes the examples: keeper.ts starts it once a mesh is up and waits for its end. `npm start` lives as long as the
// mesh does and should not keep what it needs once.
import { type PublishedTo, publishExamples } from './examples.js';

try {
  await publishExamples(JSON.parse(process.argv[2] ?? '') as PublishedTo);
  process.send?.({ type: 'ready' });
  process.disconnect?.();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
