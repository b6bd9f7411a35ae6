// `massif doctor`: looks at servers, ports, processes, versions, clocks and endpoints, and says what to do.
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toFailure } from '../../contracts/errors.js';
import type { RegionDoors, StateFile } from '../../contracts/state-file.js';
import { connectBus } from '../../services/mesh/bus.js';
import { tokenFile } from '../../services/mesh/consul-token.js';
import { VERSION } from '../../services/mesh/version.js';
import type { Command, Invocation } from '../cli/command.js';
import {
  clockFinding,
  endpointFinding,
  type Finding,
  httpFinding,
  type HttpFacts,
  type NatsFacts,
  natsFinding,
  nodeFinding,
  processFindings,
  versionFinding,
} from '../cli/findings.js';
import { table } from '../cli/table.js';
import type { MassifClient } from '../mod.js';

const HTTP_TIMEOUT_MS = 3_000;

export const doctor: Command = {
  name: 'doctor',
  usage: 'doctor',
  argumentsMax: 0,
  summary: 'checks servers, ports, versions and clocks, and says what to do',
  async run(invocation: Invocation) {
    const findings = await examine(invocation);
    invocation.out.show(findings, () => report(findings));
    return findings.some(({ state }) => state === 'bad') ? 1 : 0;
  },
};

async function examine({ place, client, clock }: Invocation): Promise<Finding[]> {
  const node = nodeFinding(process.version);
  let mesh;
  try {
    mesh = place();
  } catch (error) {
    return [node, { about: 'mesh', state: 'bad', says: toFailure(error).message, todo: 'Run npm start.' }];
  }
  const { urls, key, state, foundIn } = mesh;
  const regions = state?.regions ?? [];
  const token = await consulToken(state);
  const servers = await Promise.all([
    ...urls.map(async (url) => natsFinding(await lookAtNats(url, key))),
    ...regions
      .flatMap((region) => [lookAtConsul(region, regions.length, token), lookAtRest(region)])
      .map(async (facts) => httpFinding(await facts)),
  ]);
  const findings = [node, { about: 'mesh', state: 'ok' as const, says: `found in ${foundIn}` }, ...servers];
  if (state) findings.push(await keyFinding(state.keys));
  if (!servers.some(({ about, state: s }) => about.startsWith('nats') && s === 'ok')) return findings;
  const massif = await client('routed');
  const askedAtMs = clock.now();
  const processes = await massif.processes();
  const names = regions.map(({ name }) => name);
  findings.push(
    ...processFindings(processes, names),
    versionFinding(processes, VERSION),
    clockFinding(processes, askedAtMs),
  );
  return [...findings, ...(await endpointFindings(massif))];
}

/** Absent in development mode, and in a folder of keys from before there were tokens. */
const consulToken = (state: StateFile | undefined): Promise<string | undefined> =>
  readFile(join(state?.keys ?? '', 'consul', tokenFile('operator')), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );

async function endpointFindings(massif: MassifClient): Promise<Finding[]> {
  try {
    const endpoints = await massif.endpoints();
    if (endpoints.length === 0) {
      const todo = 'massif push and massif deploy; npm start publishes examples.';
      return [{ about: 'endpoints', state: 'warn', says: 'there are none', todo }];
    }
    return await Promise.all(
      endpoints.map(async ({ name }) => {
        const ready = await massif.ready(name).catch((error: unknown) => toFailure(error).message);
        return endpointFinding(
          name,
          ready === true,
          typeof ready === 'string' ? ready : 'some version has no ready replica',
        );
      }),
    );
  } catch (error) {
    const { message, fix } = toFailure(error);
    return [{ about: 'catalog', state: 'bad', says: message, todo: fix }];
  }
}

async function lookAtNats(url: string, key: string | undefined): Promise<NatsFacts> {
  try {
    const bus = await connectBus({ url, key, name: 'massif-doctor', waitOnFirstConnect: false });
    const roundTripMs = await bus.nc.rtt();
    const { version = '', jetstream = false } = bus.nc.info ?? {};
    await bus.drain();
    return { url, server: { version, jetstream, region: bus.region, roundTripMs } };
  } catch {
    return { url };
  }
}

async function lookAtConsul(
  { consul: url }: RegionDoors,
  regionCount: number,
  token: string | undefined,
): Promise<HttpFacts> {
  try {
    const leader = await getJson(`${url}/v1/status/leader`);
    const self = (await getJson(`${url}/v1/agent/self`, token)) as { Config?: { Version?: string } };
    const datacenters = (await getJson(`${url}/v1/catalog/datacenters`)) as unknown[];
    const ok = leader !== '' && datacenters.length >= regionCount;
    const says = `${self.Config?.Version ?? '?'}, ${leader === '' ? 'no leader' : 'has a leader'}, sees ${datacenters.length} of ${regionCount} regions`;
    return { about: 'consul', url, answer: { ok, says } };
  } catch {
    return { about: 'consul', url };
  }
}

async function lookAtRest({ rest: url }: RegionDoors): Promise<HttpFacts> {
  try {
    const { ok, status } = await fetch(`${url}/v2/health/ready`, {
      signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
    });
    return { about: 'gateway', url, answer: { ok, says: ok ? 'ready' : `answers ${status}` } };
  } catch {
    return { about: 'gateway', url };
  }
}

async function getJson(url: string, token?: string): Promise<unknown> {
  const headers: Record<string, string> = token === undefined ? {} : { 'x-consul-token': token };
  return (await fetch(url, { headers, signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) })).json();
}

async function keyFinding(folder: string): Promise<Finding> {
  const path = join(folder, 'publisher.pem');
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) return { about: 'keys', state: 'ok', says: path };
  return {
    about: 'keys',
    state: 'warn',
    says: `${path} is missing`,
    todo: 'massif push needs it: npm start makes it.',
  };
}

function report(findings: readonly Finding[]): string {
  const marks = { ok: 'ok', warn: 'LOOK', bad: 'BAD' };
  const rows = findings.map(({ about, state, says }) => [marks[state], about, says]);
  const todo = findings.filter((finding) => finding.todo).map(({ about, todo: what }) => `${about}: ${what}`);
  return [table(['', 'what', 'how'], rows), ...(todo.length > 0 ? ['', 'What to do', ...todo] : [])].join(
    '\n',
  );
}
