// `massif apikeys`: the keys that callers send to the REST and gRPC doors. A secret is shown once, where it is made.
import {
  IdentitiesReply,
  type IssueRequest,
  IssueReply,
  KeyReply,
  type KeyShown,
  Role,
} from '../../contracts/identity.js';
import { type IdentityVerb, subjects } from '../../contracts/subjects.js';
import type { z } from 'zod';
import { argument, type Command, type Invocation, text, UsageError, wholeNumber } from '../cli/command.js';
import { table } from '../cli/table.js';

const TIMEOUT_MS = 10_000;

export const apikeys: Command = {
  name: 'apikeys',
  usage: 'apikeys [issue TENANT | rotate ID | revoke ID]',
  argumentsMax: 2,
  summary: 'keys for the REST and gRPC doors: who, which roles, until when',
  help: [
    `  --role LIST             of a new key: ${Role.options.join(', ')}; caller when not given`,
    '  --endpoints LIST        models that the new key may call; all of them when not given',
    '  --days N                until it ends; 90 when not given',
    '  --overlap MINUTES       how long the rotated key still counts; 60 when not given',
    '  --description TEXT      for whoever reads the list',
  ].join('\n'),
  options: {
    role: { type: 'string' },
    endpoints: { type: 'string' },
    days: { type: 'string' },
    overlap: { type: 'string' },
    description: { type: 'string' },
  },
  async run(invocation: Invocation) {
    const { args, out } = invocation;
    const [verb] = args;
    switch (verb) {
      case undefined:
      case 'list': {
        const { keys } = await ask(invocation, 'list', IdentitiesReply, {});
        return out.show(keys, () => keyTable(keys));
      }
      case 'issue':
        return showIssued(invocation, await ask(invocation, 'issue', IssueReply, wanted(invocation)));
      case 'rotate': {
        const overlapMinutes = wholeNumber(invocation.values, 'overlap');
        const request = {
          id: argument(args, 1, 'ID'),
          ...(overlapMinutes !== undefined && { overlapMinutes }),
          ...days(invocation),
        };
        return showIssued(invocation, await ask(invocation, 'rotate', IssueReply, request));
      }
      case 'revoke': {
        const { key } = await ask(invocation, 'revoke', KeyReply, { id: argument(args, 1, 'ID') });
        return out.show(key, () => `${key.id} of ${key.tenant} counts no more`);
      }
      default:
        throw new UsageError(`apikeys knows issue, rotate, revoke and list, got "${verb}"`);
    }
  },
};

function wanted(invocation: Invocation): Partial<IssueRequest> {
  const { args, values } = invocation;
  const listed = (name: string): string[] | undefined =>
    text(values, name)
      ?.split(',')
      .map((one) => one.trim());
  const roles = (listed('role') ?? ['caller']).map((name) => {
    const role = Role.safeParse(name);
    if (role.success) return role.data;
    throw new UsageError(`--role knows ${Role.options.join(', ')}, got "${name}"`);
  });
  const endpoints = listed('endpoints');
  return {
    tenant: argument(args, 1, 'TENANT'),
    roles,
    ...(endpoints !== undefined && { endpoints }),
    description: text(values, 'description') ?? '',
    ...days(invocation),
  };
}

function days({ values }: Invocation): { days?: number } {
  const given = wholeNumber(values, 'days');
  return given === undefined ? {} : { days: given };
}

function showIssued({ out }: Invocation, issued: IssueReply): void {
  const { key, secret } = issued;
  out.show(issued, () => `${secret}\n${key.roles.join(', ')} of ${key.tenant}, until ${key.expiresAt}`);
  out.note('This is the only time the key is shown. Callers send it as Authorization: Bearer <key>.');
}

async function ask<T>(
  { connections }: Invocation,
  verb: IdentityVerb,
  schema: z.ZodType<T>,
  body: unknown,
): Promise<T> {
  return (await connections()).request(subjects.identity(verb), schema, body, TIMEOUT_MS);
}

const keyTable = (keys: readonly KeyShown[]): string =>
  table(
    ['key', 'tenant', 'roles', 'models', 'until', 'description'],
    keys.map(({ id, tenant, roles, endpoints, expiresAt, description }) => [
      id,
      tenant,
      roles.join(' '),
      endpoints?.join(' ') ?? 'all',
      expiresAt,
      description,
    ]),
  );
