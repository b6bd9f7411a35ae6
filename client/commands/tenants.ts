// `massif tenants [NAME]`: what each tenant may use at a gateway; with a name and numbers its quota is set.
import { IdentitiesReply, type Quota, TenantReply } from '../../contracts/identity.js';
import { subjects } from '../../contracts/subjects.js';
import { type Command, type Invocation, wholeNumber } from '../cli/command.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 10_000;

export const tenants: Command = {
  name: 'tenants',
  usage: 'tenants [NAME [--rps N] [--burst N] [--in-flight N]]',
  argumentsMax: 1,
  summary: 'tenants and their quotas; with a name the quota is set, without numbers it is lifted',
  options: { rps: { type: 'string' }, burst: { type: 'string' }, 'in-flight': { type: 'string' } },
  async run({ args, values, connections, out }: Invocation) {
    const [name] = args;
    const mesh = await connections();
    if (name === undefined) {
      const found = (await mesh.request(subjects.identity('list'), IdentitiesReply, {}, TIMEOUT_MS)).tenants;
      return out.show(found, () =>
        table(
          ['tenant', 'requests/s', 'burst', 'in flight'],
          found.map(({ name: tenant, quota }) => [
            tenant,
            quota.requestsPerS ?? '',
            quota.burst ?? '',
            quota.inFlightMax ?? '',
          ]),
        ),
      );
    }
    const [requestsPerS, burst, inFlightMax] = ['rps', 'burst', 'in-flight'].map((option) =>
      wholeNumber(values, option),
    );
    const quota: Quota = {
      ...(requestsPerS !== undefined && { requestsPerS }),
      ...(burst !== undefined && { burst }),
      ...(inFlightMax !== undefined && { inFlightMax }),
    };
    const { tenant } = await mesh.request(
      subjects.identity('tenant'),
      TenantReply,
      { name, quota },
      TIMEOUT_MS,
    );
    return out.show(tenant, () => `${tenant.name}: ${JSON.stringify(tenant.quota)} at each gateway`);
  },
};
