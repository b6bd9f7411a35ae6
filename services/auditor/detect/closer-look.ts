// Decides what costlier checks on kept requests of a suspected version say: each figure is held against the same figure over clean requests of the
// reference. Pure but for the answers that it asks for; closer-looks.ts brings the requests.
import type { Random } from '../../mesh/random.js';
import { inputStatistics } from '../../mesh/observing/input-statistics.js';
import {
  activationSplit,
  type Ask,
  perturbationAgreement,
  squeezingDistance,
  superposedEntropy,
} from './escalation.js';

export interface LookedAt {
  /** Inputs as callers sent them. */
  readonly live: readonly Float32Array[];
  /** Of the reference: half of them are held against, the others lie under the inputs. */
  readonly clean: readonly Float32Array[];
  /** Hidden features of what was answered lately, by class. */
  readonly features: ReadonlyMap<number, readonly Float32Array[]>;
}

export interface CheckFinding {
  readonly check: 'perturbation' | 'squeezing' | 'superposition' | 'activation';
  readonly odd: boolean;
  readonly words: string;
}

const COPIES = 6;
const LAID_UNDER = 6;
/** Of the deviation of clean inputs. */
const NOISE = 0.1;
/** By chance one live request of (clean + 1) is beyond all clean ones: half of eight or more are about once in 400 looks. */
const ODD_SHARE = 0.5;
const FEATURES_LEAST = 30;
const APART = 3;
const SMALLER_LEAST = 0.02;

export async function lookCloser(
  ask: Ask,
  { live, clean, features }: LookedAt,
  random: Random,
): Promise<CheckFinding[]> {
  const half = Math.ceil(clean.length / 2);
  const [held, under] = [clean.slice(0, half), clean.slice(half, half + LAID_UNDER)];
  const noise =
    (NOISE * held.reduce((sum, one) => sum + inputStatistics(one).deviation, 0)) / Math.max(1, held.length);
  const shaken = (one: Float32Array) => perturbationAgreement(ask, one, { noise, copies: COPIES }, random);
  const figures = async (of: (one: Float32Array) => Promise<number>) => {
    const all: number[] = [];
    for (const one of [...live, ...held]) all.push(await of(one));
    return { live: all.slice(0, live.length), clean: all.slice(live.length) };
  };
  const agreement = await figures(shaken);
  const squeezed = await figures((one) => squeezingDistance(ask, one));
  const laid = await figures((one) => superposedEntropy(ask, one, under));
  return [
    beyond('perturbation', agreement, 'low', 'change their class under a little noise'),
    beyond('squeezing', squeezed, 'high', 'are answered otherwise with fewer levels or smoothed'),
    beyond('superposition', laid, 'low', 'keep their answer whatever lies below them, as a trigger does'),
    ...split(features, random),
  ];
}

function beyond(
  check: CheckFinding['check'],
  { live, clean }: { readonly live: readonly number[]; readonly clean: readonly number[] },
  side: 'low' | 'high',
  words: string,
): CheckFinding {
  const [least, most] = [Math.min(...clean), Math.max(...clean)];
  const count = live.filter((one) => (side === 'low' ? one < least : one > most)).length;
  return {
    check,
    odd: live.length > 0 && count >= live.length * ODD_SHARE,
    words: `${count} of ${live.length} ${words}, more than any of ${clean.length} clean ones`,
  };
}

function split(features: LookedAt['features'], random: Random): CheckFinding[] {
  const classes = [...features].filter(([, own]) => own.length >= FEATURES_LEAST);
  const found = classes.map(([label, own]) => ({ label, ...activationSplit(own, random) }));
  const [widest] = found.filter(({ smaller }) => smaller >= SMALLER_LEAST).sort((a, b) => b.apart - a.apart);
  if (widest === undefined) return [];
  const { label, apart, smaller } = widest;
  const share = (smaller * 100).toFixed(0);
  const words = `hidden features of class ${label} are of two kinds ${apart.toFixed(1)} apart, ${share} % and the rest`;
  return [{ check: 'activation', odd: apart > APART, words }];
}

export function inWords(looked: number, findings: readonly CheckFinding[]): string {
  const odd = findings.filter((one) => one.odd);
  const names = findings.map(({ check }) => check).join(', ');
  return odd.length === 0
    ? `Looked closer at ${looked} kept requests (${names}): they are answered as clean ones are.`
    : `Looked closer at ${looked} kept requests: ${odd.map(({ words }) => words).join('; ')}.`;
}
