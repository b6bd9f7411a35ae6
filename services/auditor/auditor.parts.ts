// Builds what the auditor is made of, in the order in which one needs the other. The module hands it to the controller and to Nest's life
// cycle.
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MeshParts } from '../mesh/mesh.module.js';
import { ConfigError } from '../mesh/service-config.js';
import { privateKeyOf } from '../mesh/trust/signing-key.js';
import { AuditLog } from './audit-log.js';
import type { AuditorConfig } from './auditor.config.js';
import { Checkpoints } from './checkpoints.js';
import { Intake } from './intake.js';
import { OrderBook } from '../mesh/trust/order-book.js';
import { OverrideWatch } from '../mesh/trust/override-watch.js';
import { seenPathOf, TrustFiles } from '../mesh/trust/trust-files.js';
import { subjects } from '../../contracts/subjects.js';
import { SAMPLES_OF_MODEL } from '../../contracts/sampling.js';
import type { VerdictNotice } from '../../contracts/verdict.js';
import { CloserLooks } from './watch/closer-looks.js';
import { StopOrders } from './watch/stop-orders.js';
import { Watches } from './watch/watches.js';
import type { AlertDesk, Trouble } from './alerts/alert-desk.js';
import { openAlerts, readRoutes } from './alerts/open-alerts.js';
import { verdictTrouble } from './alerts/troubles.js';
import { type TellAudit, tellAudit } from '../mesh/tell-audit.js';
import { OperationsWatch } from './operations/operations-watch.js';
import { DriftFollower } from './sampling/drift-follower.js';
import { Samples } from './sampling/samples.js';
import { Baselines } from './baseline/baselines.js';
import { actOnCopies } from './fraud/act-on-copies.js';
import { actOnProbes } from './fraud/act-on-probes.js';
import { followCopies } from './fraud/copy-alerts.js';
import { ProbeDesk } from './fraud/probe-desk.js';

export const AUDITOR_KEY_FILE = 'auditor.pem';

export type AuditorMesh = Pick<MeshParts, 'config' | 'bus' | 'clock' | 'random' | 'log'>;

export class AuditorParts {
  private constructor(
    readonly audit: AuditLog,
    readonly checkpoints: Checkpoints,
    readonly intake: Intake,
    readonly key: KeyObject,
    readonly watches: Watches,
    readonly baselines: Baselines,
    readonly probes: ProbeDesk,
    readonly alerts: AlertDesk,
    readonly tell: TellAudit,
    readonly operations: OperationsWatch,
    readonly samples: Samples,
    private readonly closing: readonly { close(): void }[],
  ) {}

  close(): void {
    this.watches.end();
    for (const one of this.closing) one.close();
  }

  static async open(
    { config, bus, clock, random, log }: AuditorMesh,
    own: AuditorConfig,
  ): Promise<AuditorParts> {
    const { region, homeRegion, regions, keysDir, dataDir } = config;
    if (region !== homeRegion)
      throw new ConfigError(
        `MASSIF_REGION must be the home region "${homeRegion}" for an auditor, got "${region}".`,
      );
    const key = await readKey(join(keysDir, AUDITOR_KEY_FILE));
    const audit = await AuditLog.open({ bus, region, log });
    const checkpoints = await Checkpoints.open({
      bus,
      audit,
      key,
      region,
      regions,
      path: join(dataDir, 'audit', 'checkpoints'),
      everyMs: own.checkpointMs,
      clock,
      log,
    });
    const intake = new Intake({ bus, region, audit, clock, random, log });
    const trust = await TrustFiles.open({ dir: keysDir, seenPath: seenPathOf(config), clock, log });
    const orders = new OrderBook();
    const places = regions.map((place) => ({ bus, region: place }));
    const overrides = new OverrideWatch({ places, book: orders, trust, clock, log });
    const baselines = new Baselines({ bus, region, key, random });
    const routes = await readRoutes(own.alertsPath);
    const alerts = await openAlerts({ config, bus, clock, log }, routes);
    const operations = new OperationsWatch({
      bus,
      regions,
      objectives: routes.objectives,
      desk: alerts,
      clock,
      log,
    });
    const tell = tellAudit(bus, config.instance, clock);
    const stop = new StopOrders({ bus, regions, key, clock, random, log });
    const probes = new ProbeDesk({
      bus,
      serving: () => watches.serving(),
      probesOf: (version) => baselines.probesOf(version),
      renew: (used) => baselines.renewProbes(used),
      found: actOnProbes({ stop, tell, raise: (trouble) => alerts.raise(trouble) }),
      meanMs: own.probeMs,
      clock,
      random,
      log,
    });
    const samples = await Samples.open({ bus, region, clock, tell });
    const raise = (trouble: Trouble): void => void alerts.raise(trouble);
    const follower = new DriftFollower({ bus, samples, tell, raise, clock, log });
    const looks: CloserLooks = new CloserLooks({
      bus,
      samplesOf: async (model) =>
        (await samples.read({ model, count: SAMPLES_OF_MODEL, before: 0, by: 'auditor' })).samples,
      calm: (model) => samples.calm(model),
      probesOf: (version) => baselines.probesOf(version),
      cleanOf: (set) => baselines.cleanOf(set),
      featuresOf: (version) => watches.featuresOf(version),
      baselineOf: (version) => baselines.of(version),
      found: (version, words) => watches.addFinding(version, words),
      clock,
      random,
      log,
    });
    const publish = (notice: VerdictNotice): void => {
      bus.nc.publish(subjects.verdictEvents(), JSON.stringify(notice));
      alerts.raise(verdictTrouble(notice));
    };
    const watches: Watches = new Watches({
      bus,
      orders,
      stop,
      check: (version) => probes.check(version),
      copied: actOnCopies({ bus, tell, raise: (trouble) => alerts.raise(trouble), act: own.extraction, log }),
      baselineOf: (version) => baselines.of(version),
      told: (notice) => {
        publish(notice);
        // What a version is to learn from is what callers sent, and nothing of the auditor's.
        const kept = samples.suspect(notice.model);
        if (kept && samples.rule(notice.model)?.follow === undefined) looks.begin(notice);
        void follower.see(notice);
      },
      toldMore: publish,
      isOwn: (requestId) => looks.asked(requestId),
      clock,
      log,
    });
    return new AuditorParts(
      audit,
      checkpoints,
      intake,
      key,
      watches,
      baselines,
      probes,
      alerts,
      tell,
      operations,
      samples,
      [
        probes,
        followCopies(bus, (trouble) => alerts.raise(trouble)),
        overrides,
        trust,
        operations,
        follower,
        looks,
        samples,
        alerts,
      ],
    );
  }
}

async function readKey(path: string): Promise<KeyObject> {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError(
      `MASSIF_KEYS must be a folder with ${AUDITOR_KEY_FILE} (massif keys new auditor), got none: ${(error as Error).message}.`,
    );
  });
  const key = privateKeyOf(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new ConfigError(`${path} must be an Ed25519 key.`);
  return key;
}
