// The process that bench/audit-log.ts kills: appends to the audit log and tells its parent how many entries were acknowledged.
import { AuditLog } from '../../services/auditor/audit-log.js';
import { connectBus } from '../../services/mesh/bus.js';
import { systemClock } from '../../services/mesh/clock.js';
import { silentLog } from '../../services/mesh/log.js';
import { eventOf } from '../../services/mesh/tell-audit.js';

const [url = '', region = ''] = process.argv.slice(2);
const bus = await connectBus({ url, name: 'writer', region });
const log = await AuditLog.open({ bus, region, log: silentLog });
for (let n = 0; ; n++) {
  const about = { n, pid: process.pid };
  const event = eventOf({ who: 'ada', action: 'bench.done', about, outcome: 'done' }, 'writer', systemClock);
  try {
    await log.append([{ event }]);
    process.send?.(log.chain.size);
  } catch {
    // The server is gone for a moment: nothing was acknowledged, and nothing is told.
  }
}
