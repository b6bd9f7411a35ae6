// What a process hands to another one that it starts: the key on the bus and the token for Consul of that one's user, from the folders
// where its own lie. Pools of shards lean on it.
import type { BusUser } from '../../contracts/bus-users.js';
import { keyBeside } from './bus-key.js';
import { tokenBeside } from './consul-token.js';
import type { MeshConfig } from './service-config.js';

/** As environment; in development mode it says that it is. */
export function credentialsFor(
  { natsKey, consulToken }: Pick<MeshConfig, 'natsKey' | 'consulToken'>,
  user: BusUser,
): Record<string, string> {
  const given = {
    MASSIF_AUTH: natsKey === undefined ? 'development' : 'keys',
    MASSIF_NATS_KEY: keyBeside(natsKey, user),
    MASSIF_CONSUL_TOKEN: tokenBeside(consulToken, user),
  };
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, path]) => (path === undefined ? [] : [[name, path]])),
  );
}
