// From texts to examples: a text column and its class become token numbers, learned on training rows alone; a running text becomes
// windows of characters, each with the characters that follow.
import { isMissing, textIn } from './column-profile.js';
import { dataRefusal, rowOf } from './data-refusal.js';
import { KeptRows, surveyTable, type TableRequest } from './prepare-table.js';
import { type Features, PartWriters, type Prepared } from './prepared.js';
import type { Part, SplitRule } from './split.js';
import type { TableSource } from './table-source.js';
import { learnTokens, Tokenizer, type TokenRule, wordsOf } from './tokens.js';

export interface TextRequest extends Pick<TableRequest, 'target' | 'split' | 'group' | 'duplicates'> {
  /** The column that holds the text. */
  readonly text: string;
  readonly tokens: TokenRule;
  /** Tokens keep the numbers that they have there. */
  readonly like?: Features | undefined;
}

/** Counting stops to learn new words here; by then the frequent ones are known. */
const WORDS_MAX = 200_000;

export async function prepareText(
  source: TableSource,
  request: TextRequest,
  folder: string,
): Promise<Prepared> {
  const names = await source.columns();
  const others = names.filter((name) => ![request.text, request.target, request.group].includes(name));
  const ignored = Object.fromEntries(others.map((name) => [name, 'ignored' as const]));
  const survey = await surveyTable(source, {
    ...request,
    task: 'classification',
    kinds: { ...ignored, [request.text]: 'text' },
  });
  const textAt = names.indexOf(request.text);

  const counts = new Map<string, number>();
  const learning = new KeptRows(request, survey);
  if (request.tokens.method !== 'hashed') {
    for await (const batch of source.read())
      for (const row of batch)
        if (learning.place(row)?.part === 'train')
          count(counts, textIn(row.cells[textAt] ?? null), request.tokens);
  }
  const tokenizer = new Tokenizer(
    request.tokens,
    tokensLike(request.like) ?? learnTokens(counts, request.tokens),
  );
  const rows = new KeptRows(request, survey);
  const { method, vocabulary, length } = request.tokens;
  const writers = new PartWriters(folder, { element: 'int32', shape: [length], targetSize: 1 });
  for await (const batch of source.read()) {
    for (const row of batch) {
      const kept = rows.place(row);
      if (kept === undefined) continue;
      const cell = row.cells[textAt] ?? null;
      if (isMissing(cell)) throw dataRefusal(rowOf(source.name, row.row), 'the text is missing.');
      writers.add(kept.part, tokenizer.encode(textIn(cell)), Int32Array.of(kept.label));
    }
  }
  return writers.finish({
    classes: [...survey.plan.classes],
    features: { kind: 'tokens', method, vocabulary, tokens: [...tokenizer.tokens] },
    cleaning: rows.cleaning(),
    notes: survey.plan.notes.filter((note) => !note.includes('as asked')),
  });
}

const tokensLike = (like: Features | undefined): readonly string[] | undefined =>
  like?.kind === 'tokens' ? like.tokens : undefined;

function count(counts: Map<string, number>, text: string, { method, length }: TokenRule): void {
  for (const token of method === 'characters' ? text.slice(0, length) : wordsOf(text.slice(0, 40 * length))) {
    const known = counts.get(token);
    if (known !== undefined || counts.size < WORDS_MAX) counts.set(token, (known ?? 0) + 1);
  }
}

/** Windows one after the other; the last shares of the text are for validation and test, so that no window is learned from. */
export function prepareRunningText(
  name: string,
  text: string,
  {
    length,
    split,
    vocabulary,
    like,
  }: { length: number; split: SplitRule; vocabulary: number; like?: Features | undefined },
  folder: string,
): Prepared {
  const windows = Math.floor((text.length - 1) / length);
  if (windows < 10) throw dataRefusal(name, `ten windows of ${length} characters are the least.`);
  const partOf = (window: number): Part => {
    const left = 1 - window / windows;
    if (left <= split.test) return 'test';
    return left <= split.test + split.validation ? 'validation' : 'train';
  };
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  const rule: TokenRule = { method: 'characters', vocabulary: Math.min(vocabulary, counts.size + 1), length };
  const tokenizer = new Tokenizer(rule, tokensLike(like) ?? learnTokens(counts, rule));
  const writers = new PartWriters(folder, { element: 'int32', shape: [length], targetSize: length });
  for (let window = 0; window < windows; window++) {
    const from = window * length;
    writers.add(
      partOf(window),
      tokenizer.encode(text.slice(from, from + length)),
      tokenizer.encode(text.slice(from + 1, from + length + 1)),
    );
  }
  return writers.finish({
    classes: ['', ...tokenizer.tokens],
    features: {
      kind: 'tokens',
      method: 'characters',
      vocabulary: rule.vocabulary,
      tokens: [...tokenizer.tokens],
    },
    cleaning: { rows: windows, duplicatesDropped: 0, contradictions: 0, unchecked: 0 },
    notes: [],
  });
}
