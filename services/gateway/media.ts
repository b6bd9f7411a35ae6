// What the REST door reads and what it may answer in: content types and encodings, by the letters of the headers alone.
import { failure } from '../../contracts/errors.js';

export type Encoding = 'identity' | 'gzip' | 'deflate';

// `curl -d` calls every body a form, fetch() calls every string plain text: both are read as the JSON that they are, as other
// servers of the protocol do.
const READABLE = /^(application\/(json|octet-stream|[\w.-]+\+json|x-www-form-urlencoded)|text\/plain)$/;

/** Throws UNSUPPORTED_ENCODING for a type or an encoding that we do not read; no type at all is taken for JSON. */
export function bodyEncoding(contentType: string | undefined, contentEncoding: string | undefined): Encoding {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== '' && !READABLE.test(type))
    throw failure('UNSUPPORTED_ENCODING', `This door does not read the content type "${printable(type)}".`);
  const encoding = (contentEncoding ?? '').trim().toLowerCase();
  switch (encoding) {
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    default:
      throw failure('UNSUPPORTED_ENCODING', `This door does not read the encoding "${printable(encoding)}".`);
  }
}

/** The encoding the caller asks for, gzip first; identity when it names none of ours (RFC 9110, section 12.5.3). */
export function answerEncoding(acceptEncoding: string | undefined): Encoding {
  if (!acceptEncoding) return 'identity';
  const weights = new Map<string, number>();
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  const any = weights.get('*') ?? 0;
  if ((weights.get('gzip') ?? any) > 0) return 'gzip';
  if ((weights.get('deflate') ?? any) > 0) return 'deflate';
  return 'identity';
}

const printable = (text: string): string => text.slice(0, 60).replace(/[^\x20-\x7e]/g, '?');
