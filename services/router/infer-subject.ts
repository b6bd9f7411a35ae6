// Endpoint and version out of the subject that a caller sent to: the inverse of subjects.infer() and subjects.inferVersion().
import { fromSubjectToken } from '../../contracts/names.js';
import { subjects } from '../../contracts/subjects.js';

export interface InferTarget {
  readonly endpoint: string;
  readonly version: string | undefined;
}

const PREFIX_LENGTH = subjects.infer('').length;

export function inferTarget(subject: string): InferTarget {
  const dot = subject.indexOf('.', PREFIX_LENGTH);
  if (dot < 0) return { endpoint: decoded(subject.slice(PREFIX_LENGTH)), version: undefined };
  return { endpoint: decoded(subject.slice(PREFIX_LENGTH, dot)), version: decoded(subject.slice(dot + 1)) };
}

const decoded = (token: string): string => (token.includes('%') ? fromSubjectToken(token) : token);
