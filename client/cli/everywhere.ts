// Asks something of every region that can be reached, or of the one that --region names, and keeps why one did not answer.
import { type Invocation, text } from './command.js';

export interface Asked<T> {
  readonly region: string;
  readonly reply?: T;
  readonly why?: string;
}

export async function everywhere<T>(
  { values, connections }: Invocation,
  call: (region: string) => Promise<T>,
): Promise<Asked<T>[]> {
  const named = text(values, 'region');
  const regions =
    named === undefined ? (await connections()).connected().map(({ region }) => region) : [named];
  return Promise.all(
    regions.map(async (region) => {
      try {
        return { region, reply: await call(region) };
      } catch (error) {
        return { region, why: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}
