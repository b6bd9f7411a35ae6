// The file that tells the command line where the mesh of this checkout is: `npm start` writes it, `massif` looks for it upward
// from the folder it is called in. It is true only while the process that wrote it lives.
import { z } from 'zod';
import { RegionName } from './names.js';

export const STATE_FILE = '.massif/state.json';

export const RegionDoors = z.object({
  name: RegionName,
  /** The region whose registry writes; exactly one has it. */
  home: z.boolean(),
  rest: z.url(),
  /** Host and port; absent where the gRPC door is closed. */
  grpc: z.string().optional(),
  nats: z.string().startsWith('nats://'),
  consul: z.url(),
});
export type RegionDoors = z.infer<typeof RegionDoors>;

export const StateFile = z.object({
  version: z.string(),
  phase: z.enum(['starting', 'ready']),
  /** The process that keeps the mesh. */
  pid: z.int(),
  startedAt: z.iso.datetime(),
  /** Nobody shows who he is. */
  development: z.boolean().default(false),
  /** The folder with the keys that sign versions (`publisher.pem` is the one that `massif push` takes), and of the users of the bus. */
  keys: z.string(),
  regions: z.array(RegionDoors).min(1),
});
export type StateFile = z.infer<typeof StateFile>;
