// Text as token numbers: words and pairs of words hashed into a fixed range, words learned from the training texts, or characters.
// 0 fills up what is shorter. Pure; preparation of texts asks, and a caller of the model has to do the same.
import { fingerprint } from './fingerprints.js';

export interface TokenRule {
  readonly method: 'hashed' | 'words' | 'characters';
  readonly vocabulary: number;
  readonly length: number;
}

/** Unknown words share these, so that two different ones are seldom the same. */
const UNKNOWN_BUCKETS = 64;
const WORD = /[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu;

export const wordsOf = (text: string): string[] => text.toLowerCase().match(WORD) ?? [];

export function learnTokens(
  counts: ReadonlyMap<string, number>,
  { method, vocabulary }: TokenRule,
): string[] {
  if (method === 'hashed') return [];
  const room = vocabulary - 1 - (method === 'words' ? UNKNOWN_BUCKETS : 0);
  return [...counts]
    .toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, room)
    .map(([token]) => token);
}

export class Tokenizer {
  private readonly numbers: ReadonlyMap<string, number>;

  constructor(
    private readonly rule: TokenRule,
    readonly tokens: readonly string[],
  ) {
    this.numbers = new Map(tokens.map((token, i) => [token, i + 1]));
  }

  /** Exactly `length` numbers. */
  encode(text: string): Int32Array {
    const { method, length } = this.rule;
    const out = new Int32Array(length);
    if (method === 'characters') {
      Array.from(text.slice(0, length), (char) => this.numbers.get(char) ?? 0).forEach(
        (n, i) => (out[i] = n),
      );
      return out;
    }
    const words = wordsOf(text.slice(0, 40 * length));
    if (method === 'words') {
      for (let i = 0; i < Math.min(length, words.length); i++) out[i] = this.wordNumber(words[i] ?? '');
      return out;
    }
    for (let i = 0; 2 * i + 1 < length && i < words.length; i++) {
      out[2 * i] = this.bucket(words[i] ?? '');
      if (i > 0) out[2 * i + 1] = this.bucket(`${words[i - 1]} ${words[i]}`);
    }
    return out;
  }

  private wordNumber(word: string): number {
    return this.numbers.get(word) ?? 1 + this.tokens.length + (fingerprint(word) % UNKNOWN_BUCKETS);
  }

  private bucket(token: string): number {
    return 1 + (fingerprint(token) % (this.rule.vocabulary - 1));
  }
}
