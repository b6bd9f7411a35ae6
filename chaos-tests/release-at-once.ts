// Releases a version of a drill's model as `massif deploy` does, for drills that take it back: the version before stays loaded for as long as any of them
// lasts, and a release that is aborted is over after half a second instead of ten.
import type { MassifClient } from '../client/mod.js';
import type { ReleaseRecord } from '../contracts/release.js';

const KEEP_OLD_MS = 120_000;
const DRAINING_MS = 500;

export const releaseAtOnce = (
  client: MassifClient,
  endpoint: string,
  version: string,
): Promise<ReleaseRecord> =>
  client.releases.apply(
    {
      endpoint,
      strategy: { type: 'immediate', variants: [{ version, weight: 10_000 }], keepOldMs: KEEP_OLD_MS },
      deadlines: { drainingMs: DRAINING_MS },
      owner: 'drill',
    },
    'drill',
  );
