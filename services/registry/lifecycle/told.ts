// Tells everybody of a version's moves once they are written: consoles and owners' programs listen. Nothing depends on it; what was
// missed stands in the history.
import type { VersionMove, VersionNotice } from '../../../contracts/lifecycle.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../../mesh/bus.js';

export type Told = (version: Omit<VersionNotice, 'move'>, moves: readonly VersionMove[]) => void;

export const tellOn =
  (bus: Bus): Told =>
  ({ model, digest, label }, moves) => {
    for (const move of moves) {
      const notice: VersionNotice = { model, digest, label, move };
      bus.nc.publish(subjects.versionEvents(), JSON.stringify(notice));
    }
  };
