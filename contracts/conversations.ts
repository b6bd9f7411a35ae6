// Who says what to whom on the bus. README.md's table of subjects tells the same for people, and a test holds the two together;
// bus-users.ts makes permissions of it.

/** `inside`: a service of the mesh. `outside`: who uses it. */
export const PARTIES = {
  registry: 'inside',
  router: 'inside',
  gateway: 'inside',
  shard: 'inside',
  engine: 'inside',
  compressor: 'inside',
  trainer: 'inside',
  auditor: 'inside',
  autoscaler: 'inside',
  /** People with the command line, and their drills. */
  operator: 'outside',
  /** An application with our library, which may choose engines by itself. */
  client: 'outside',
  /** Any other NATS client. */
  application: 'outside',
} as const;
export type Party = keyof typeof PARTIES;

export interface Talk {
  /** With `*` for each argument of its function in subjects.ts. */
  readonly subject: string;
  readonly from: readonly Party[];
  /** Who answers, or who listens where nobody does. */
  readonly to: readonly Party[];
}

/** A process of its own, with the services protocol and a place in the log of deeds. */
const PROCESSES = [
  'registry',
  'router',
  'gateway',
  'shard',
  'compressor',
  'trainer',
  'auditor',
  'autoscaler',
] as const satisfies Party[];
const CALLERS = [
  'application',
  'client',
  'operator',
  'gateway',
  'compressor',
  'auditor',
] as const satisfies Party[];
/** They know the table and ask engines without a router between. */
const CHOOSERS = ['router', 'gateway', 'client', 'operator', 'auditor'] as const satisfies Party[];
const OPERATORS = ['operator'] as const satisfies Party[];
/** The command line, and the gateway for whoever comes over HTTP. */
const DOORS = ['operator', 'gateway'] as const satisfies Party[];
const JOBS = ['trainer', 'compressor'] as const satisfies Party[];

const family = (
  name: string,
  verbs: readonly string[],
  from: readonly Party[],
  to: readonly Party[],
): Talk[] => verbs.map((verb) => ({ subject: `massif.${name}.${verb}`, from, to }));

export const conversations: readonly Talk[] = [
  { subject: 'massif.infer.*', from: CALLERS, to: ['router'] },
  { subject: 'massif.infer.*.*', from: CALLERS, to: ['router'] },
  { subject: 'massif.run.*', from: [...CHOOSERS, 'engine'], to: ['engine'] },
  { subject: 'massif.cancel.*', from: CHOOSERS, to: ['engine'] },
  { subject: 'massif.call-off', from: CALLERS, to: ['router'] },
  { subject: 'massif.sequences.*', from: ['engine'], to: ['engine'] },
  { subject: 'massif.sequence.*', from: ['engine'], to: ['engine'] },
  { subject: 'massif.explain.*', from: ['client', 'operator'], to: ['router'] },
  { subject: 'massif.metadata.*', from: CALLERS, to: ['gateway'] },
  { subject: 'massif.evidence.*', from: CHOOSERS, to: ['registry', 'operator'] },
  { subject: 'massif.observed.*', from: ['engine'], to: ['auditor', 'operator'] },
  { subject: 'massif.links.*', from: ['router', 'gateway', 'registry', 'operator'], to: ['router'] },
  { subject: 'massif.sampling', from: ['auditor'], to: ['engine'] },
  { subject: 'massif.sampled.*', from: ['engine'], to: [] },
  { subject: 'massif.events.alert', from: ['auditor'], to: ['operator'] },
  { subject: 'massif.events.verdict', from: ['auditor'], to: ['operator'] },
  ...family('registry', ['successor'], ['auditor'], ['registry']),
  { subject: 'massif.feedback', from: CALLERS, to: ['router'] },
  { subject: 'massif.override.*', from: [...OPERATORS, 'auditor'], to: ['router'] },
  { subject: 'massif.overrides.*', from: [...OPERATORS, 'auditor'], to: ['router'] },
  ...['massif.heartbeat.*.*', 'massif.changes.*.*'].map((subject): Talk => ({
    subject,
    from: ['shard'],
    to: ['registry', 'router', 'gateway', 'autoscaler', 'client', 'operator', 'auditor'],
  })),
  ...family('shard.*', ['recycle'], OPERATORS, ['shard']),
  ...family('shard.*', ['cordon', 'drain'], ['operator', 'autoscaler'], ['shard']),
  ...family('shard.*', ['inspect', 'statistics'], ['operator', 'gateway', 'autoscaler'], ['shard']),
  { subject: 'massif.artifact.*.*', from: ['shard'], to: ['shard'] },
  ...family('registry', ['push'], [...DOORS, ...JOBS], ['registry']),
  ...family(
    'registry',
    ['show', 'models', 'endpoints', 'policy', 'history', 'lineage', 'pipelines'],
    [...DOORS, ...JOBS, 'client'],
    ['registry'],
  ),
  ...family(
    'registry',
    ['alias', 'deploy', 'undeploy', 'scale', 'pin', 'archive', 'approve', 'pipeline', 'withdraw', 'plan'],
    DOORS,
    ['registry'],
  ),
  ...family('release', ['apply', 'show', 'pause', 'resume', 'promote', 'abort', 'history'], DOORS, [
    'registry',
  ]),
  { subject: 'massif.events.release', from: ['registry'], to: ['registry', 'auditor', 'operator'] },
  ...family('release', ['list'], [...DOORS, 'auditor'], ['registry']),
  { subject: 'massif.events.version', from: ['registry'], to: ['auditor', 'operator'] },
  { subject: 'massif.scaling.explain', from: [...DOORS, 'client'], to: ['autoscaler'] },
  { subject: 'massif.scaling.waiting', from: CHOOSERS, to: ['autoscaler'] },
  { subject: 'massif.events.audit', from: PROCESSES, to: ['auditor', 'operator'] },
  { subject: 'massif.audit.log', from: ['auditor'], to: [] },
  ...family(
    'auditor',
    ['read', 'checkpoints', 'prove', 'verdicts', 'watch', 'alerts', 'acknowledge', 'sampling'],
    DOORS,
    ['auditor'],
  ),
  ...family('auditor', ['samples'], [...DOORS, 'compressor'], ['auditor']),
  ...family('trainer', ['submit', 'cancel', 'report', 'datasets'], DOORS, ['trainer']),
  ...family('trainer', ['jobs'], [...DOORS, 'auditor'], ['trainer']),
  ...family('trainer', ['show'], [...DOORS, 'compressor'], ['trainer']),
  ...family('compressor', ['show', 'cancel', 'report'], DOORS, ['compressor']),
  ...family('compressor', ['submit', 'jobs'], [...DOORS, 'auditor'], ['compressor']),
  { subject: 'massif.jobs.*', from: JOBS, to: [] },
  ...family('identity', ['issue', 'rotate', 'tenant', 'list'], OPERATORS, ['gateway']),
  ...family('identity', ['revoke'], [...OPERATORS, 'auditor'], ['gateway']),
  { subject: 'massif.metrics.*', from: ['gateway', 'auditor', 'operator'], to: PROCESSES },
  { subject: 'massif.status', from: ['operator', 'client', 'gateway', 'auditor'], to: PROCESSES },
];
