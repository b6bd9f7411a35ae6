// How a person writes a scaling policy: `min=0,max=4,idle=30s`. Deploy and scale read it.
import { ScalingPolicy } from '../../contracts/scaling.js';
import { UsageError } from '../cli/command.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const WORDS =
  'min=N, max=N, initial=N, idle=TIME (30s, 5m), slowdown=X, violations=SHARE, budget=AMOUNT, start=TIME, priority=0..9, tenant=NAME, dry-run=yes|no';

/** What is not named stays as `before` has it. Throws UsageError naming the word that is wrong. */
export function readScaling(text: string, before?: ScalingPolicy): ScalingPolicy {
  const read: Record<string, unknown> = { ...before };
  for (const pair of text.split(',')) {
    const [word = '', value = ''] = pair.split('=').map((part) => part.trim());
    switch (word) {
      case 'min':
        read['minReplicas'] = number(word, value);
        break;
      case 'max':
        read['maxReplicas'] = number(word, value);
        break;
      case 'initial':
        read['initialReplicas'] = number(word, value);
        break;
      case 'idle':
        read['idleMs'] = duration(word, value);
        break;
      case 'start':
        read['startMsMax'] = duration(word, value);
        break;
      case 'budget':
        read['budgetPerHour'] = number(word, value);
        break;
      case 'priority':
        read['priority'] = number(word, value);
        break;
      case 'tenant':
        read['tenant'] = value;
        break;
      case 'slowdown':
        read['slowdownMax'] = number(word, value);
        break;
      case 'violations':
        read['violationShare'] = number(word, value);
        break;
      case 'dry-run':
        read['dryRun'] = value === '' || value === 'yes';
        break;
      default:
        throw new UsageError(`scaling knows ${WORDS}; got "${pair}"`);
    }
  }
  return checkScaling(read);
}

export function checkScaling(given: unknown): ScalingPolicy {
  const parsed = ScalingPolicy.safeParse(given);
  if (parsed.success) return parsed.data;
  const { path = [], message = 'cannot be read' } = parsed.error.issues[0] ?? {};
  const field = path.join('.');
  throw new UsageError(`scaling: ${message.startsWith(field) ? message : `${field} ${message}`}`);
}

function number(word: string, value: string): number {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  throw new UsageError(`scaling: ${word} must be a number, got "${value}"`);
}

function duration(word: string, value: string): number {
  const [, digits, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(value) ?? [];
  if (digits === undefined) throw new UsageError(`scaling: ${word} looks like 30s, 5m or 1h, got "${value}"`);
  return Number(digits) * (UNITS[unit] ?? 1_000);
}
