// An endpoint that a version answers for: what the auditor asks it by is the way its callers take.
import { subjects } from '../../../contracts/subjects.js';
import { SuccessorReply, type VerdictNotice } from '../../../contracts/verdict.js';
import type { Bus } from '../../mesh/bus.js';
import type { Random } from '../../mesh/random.js';

const ASK_MS = 2_000;

/** Any of them; undefined where there is none. */
export async function endpointOf(
  bus: Bus,
  { model, version }: Pick<VerdictNotice, 'model' | 'version'>,
  random: Random,
): Promise<string | undefined> {
  const { endpoints } = await bus.request(
    subjects.registry('successor'),
    SuccessorReply,
    { model, version },
    { timeoutMs: ASK_MS },
  );
  return endpoints[Math.floor(random() * endpoints.length)]?.endpoint;
}
