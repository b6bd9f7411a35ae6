// Masks in texts what points to a person or opens a door: mail addresses, numbers of cards (that pass Luhn's test) and phones, tokens. A second net
// below the rule that names what may be kept at all. The sampler uses it.

export interface Redacted {
  readonly text: string;
  readonly masked: number;
}

const MASKS: readonly (readonly [name: string, pattern: RegExp, also?: (found: string) => boolean])[] = [
  [
    'token',
    /\b(?:eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?:sk|pk|ghp|gho|xox[bap]|msf)[-_][\w-]{16,}|AKIA[0-9A-Z]{16})/g,
  ],
  ['mail', /[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g],
  ['card', /\b\d(?:[ -]?\d){12,18}\b/g, passesLuhn],
  ['phone', /(?<![\w.])\+?\d(?:[ ()/.-]{0,2}\d){7,14}(?![\w.]*\w)/g],
];

export function redact(text: string): Redacted {
  let masked = 0;
  let rest = text;
  for (const [name, pattern, also = () => true] of MASKS)
    rest = rest.replaceAll(pattern, (found) => {
      if (!also(found)) return found;
      masked++;
      return `<${name}>`;
    });
  return { text: rest, masked };
}

/** Luhn's checksum (ISO/IEC 7812-1). */
export function passesLuhn(found: string): boolean {
  const digits = Array.from(found.replaceAll(/[^0-9]/g, ''), Number);
  const sum = digits.toReversed().reduce((total, digit, i) => {
    const doubled = i % 2 === 0 ? digit : digit * 2;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
