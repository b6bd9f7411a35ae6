// What a caller sent, as a message may show it: cut and escaped, for callers choose names, headers and values.
const SHOWN_MAX = 80;

export const quote = (text: string): string =>
  JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 3)}...` : text);

export function showJson(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'bigint') return `${value}`.slice(0, SHOWN_MAX);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null
    ? 'an object'
    : String(value as number | boolean | null | undefined);
}
