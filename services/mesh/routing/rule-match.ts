// Which rule of an endpoint a request falls under, before the weights are looked at, and which headers must be read to know it.
// The route asks; doors ask for the names before they read a request's headers.
import type { EndpointRecord } from '../../../contracts/registry.js';
import type { Rule } from '../../../contracts/traffic.js';

/** What rules go by. */
export interface Matchable {
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  /** Only those that rules name, in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Undefined: every condition holds; else the first that does not, for people. */
export function whyNot({ match }: Rule, request: Matchable, region: string): string | undefined {
  const { users, tenants, headers, regions } = match;
  if (users && !holds(users, request.user)) return 'it is for other users';
  if (tenants && !holds(tenants, request.tenant)) return 'it is for other tenants';
  if (regions && !regions.includes(region)) return `it is for ${regions.join(', ')}`;
  for (const name in headers)
    if (!holds(headers[name] as readonly string[], request.headers?.[name]))
      return `${name} has another value`;
  return undefined;
}

const holds = (values: readonly string[], value: string | undefined): boolean =>
  value !== undefined && values.includes(value);

type Ruled = Pick<EndpointRecord, 'rules'>;
const named = new WeakMap<Ruled, ReadonlySet<string> | undefined>();

/** Undefined for nearly every endpoint: then no door looks at any header more. */
export function ruleHeaders(endpoint: Ruled | undefined): ReadonlySet<string> | undefined {
  if (!endpoint?.rules) return undefined;
  if (named.has(endpoint)) return named.get(endpoint);
  const names = new Set(endpoint.rules.flatMap(({ match }) => Object.keys(match.headers ?? {})));
  const found = names.size > 0 ? names : undefined;
  named.set(endpoint, found);
  return found;
}

export function pickHeaders(
  names: ReadonlySet<string>,
  valueOf: (name: string) => string | undefined,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of names) {
    const value = valueOf(name);
    if (value !== undefined) values[name] = value;
  }
  return values;
}
