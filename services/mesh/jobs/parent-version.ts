// The version that a job starts from, fetched into the job's folder. Actors of fine-tuning and of compression ask.
import { join } from 'node:path';
import { failure } from '../../../contracts/errors.js';
import { RESOURCES } from '../../../contracts/manifest.js';
import { ShowReply, type VersionRecord } from '../../../contracts/registry.js';
import { subjects } from '../../../contracts/subjects.js';
import type { Bus } from '../bus.js';
import type { JobObjects } from './job-objects.js';

const REGISTRY_TIMEOUT_MS = 10_000;

/** Throws NOT_FOUND where there is none, MODEL_REFUSED where it holds no model. */
export async function fetchParent(
  bus: Bus,
  objects: Pick<JobObjects<unknown>, 'fetchArtifact'>,
  folder: string,
  { model, version }: { readonly model: string; readonly version?: string | undefined },
): Promise<{ readonly version: VersionRecord; readonly path: string }> {
  const found = await showVersion(bus, model, version);
  const resource = found.resources.find(({ name }) => name === RESOURCES.model);
  if (resource === undefined) throw failure('MODEL_REFUSED', `The version of ${model} holds no model.`);
  const path = join(folder, resource.digest);
  await objects.fetchArtifact(resource.digest, path);
  return { version: found, path };
}

export async function showVersion(bus: Bus, model: string, version?: string): Promise<VersionRecord> {
  const asked = { model, ...(version === undefined ? {} : { version }) };
  const reply = await bus.request(subjects.registry('show'), ShowReply, asked, {
    timeoutMs: REGISTRY_TIMEOUT_MS,
  });
  return reply.version;
}
