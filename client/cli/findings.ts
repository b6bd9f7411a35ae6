// What `massif doctor` makes of what it saw: plain facts in, findings with a sentence on what to do out.
import type { SeenProcess } from '../processes.js';

export interface Finding {
  readonly about: string;
  readonly state: 'ok' | 'warn' | 'bad';
  readonly says: string;
  /** What to do about it. */
  readonly todo?: string;
}

const NODE_MIN = [20, 19] as const;
const NATS_MIN = [2, 10] as const;
/** Deadlines travel as milliseconds left, so clocks hurt nothing but records and keys' validity: people should still know. */
const CLOCK_SKEW_MAX_MS = 1_000;

export function nodeFinding(version: string): Finding {
  if (atLeast(version, NODE_MIN)) return { about: 'node', state: 'ok', says: version };
  return { about: 'node', state: 'bad', says: version, todo: `Install Node ${NODE_MIN.join('.')} or newer.` };
}

export interface NatsFacts {
  readonly url: string;
  /** Undefined: nobody answers. */
  readonly server?: { version: string; region: string; jetstream: boolean; roundTripMs: number };
}

export function natsFinding({ url, server }: NatsFacts): Finding {
  const about = `nats ${url}`;
  if (!server)
    return {
      about,
      state: 'bad',
      says: 'nobody answers',
      todo: 'Start it: npm start does, or look at its log.',
    };
  const says = `${server.version}, region ${server.region || 'without a name'}, ${server.roundTripMs.toFixed(1)} ms`;
  if (!atLeast(server.version, NATS_MIN))
    return { about, state: 'bad', says, todo: 'Install nats-server 2.10 or newer.' };
  if (!server.jetstream)
    return { about, state: 'bad', says, todo: 'Switch JetStream on: deploy/nats/region.conf shows how.' };
  if (!server.region) {
    return { about, state: 'bad', says, todo: 'Give the server a JetStream domain, the name of its region.' };
  }
  return { about, state: 'ok', says };
}

export interface HttpFacts {
  readonly about: string;
  readonly url: string;
  /** Undefined: no answer. */
  readonly answer?: { ok: boolean; says: string };
}

export function httpFinding({ about, url, answer }: HttpFacts): Finding {
  if (answer?.ok) return { about: `${about} ${url}`, state: 'ok', says: answer.says };
  const says = answer ? answer.says : 'nobody answers';
  return {
    about: `${about} ${url}`,
    state: 'bad',
    says,
    todo: `Look at massif status and at the log of ${about}.`,
  };
}

/** `regions` as the state file names them; empty when there is none. */
export function processFindings(processes: readonly SeenProcess[], regions: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const has = (service: string, region?: string): boolean =>
    processes.some((p) => p.services.includes(service) && (region === undefined || p.region === region));
  findings.push(
    has('registry')
      ? { about: 'registry', state: 'ok', says: 'answers' }
      : {
          about: 'registry',
          state: 'warn',
          says: 'does not answer; calls go on, nothing can be published or deployed',
          todo: 'Look at the log of its process; npm start starts it again by itself.',
        },
  );
  for (const region of regions.length > 0 ? regions : new Set(processes.map((p) => p.region))) {
    const missing = ['router', 'gateway', 'shard'].filter((service) => !has(service, region));
    const about = `region ${region}`;
    if (missing.length === 0) findings.push({ about, state: 'ok', says: 'has router, gateway and shard' });
    else {
      const todo =
        'Start them, or look whether the leaf link between the regions is up: nats.log of the region says.';
      findings.push({ about, state: 'bad', says: `${missing.join(' and ')} not seen`, todo });
    }
  }
  return findings;
}

export function versionFinding(processes: readonly SeenProcess[], ours: string): Finding {
  const versions = [...new Set([ours, ...processes.map(({ version }) => version)])];
  if (versions.length === 1) return { about: 'versions', state: 'ok', says: `all ${ours}` };
  const others = processes.filter(({ version }) => version !== ours).map((p) => `${p.instance} ${p.version}`);
  return {
    about: 'versions',
    state: 'warn',
    says: `this command is ${ours}, but ${others.join(', ')}`,
    todo: 'Restart what is old: npm start after npm run build.',
  };
}

/** Half of the round trip may lie on either side, so that much difference says nothing. */
export function clockFinding(processes: readonly SeenProcess[], askedAtMs: number): Finding {
  const off = processes
    .map((p) => ({
      name: p.instance,
      ms: Date.parse(p.now) - (askedAtMs + p.roundTripMs / 2),
      doubt: p.roundTripMs / 2,
    }))
    .filter(({ ms, doubt }) => Math.abs(ms) - doubt > CLOCK_SKEW_MAX_MS);
  if (off.length === 0) return { about: 'clocks', state: 'ok', says: 'agree within a second' };
  return {
    about: 'clocks',
    state: 'warn',
    says: off.map(({ name, ms }) => `${name} is ${(ms / 1_000).toFixed(1)} s off`).join(', '),
    todo: 'Let the hosts keep time (chrony, systemd-timesyncd): keys count from and to a moment.',
  };
}

export function endpointFinding(name: string, ready: boolean, why: string): Finding {
  if (ready) return { about: `endpoint ${name}`, state: 'ok', says: 'ready' };
  return {
    about: `endpoint ${name}`,
    state: 'bad',
    says: why,
    todo: `massif explain ${name} and massif top say more.`,
  };
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.replace(/^v/, '').split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
