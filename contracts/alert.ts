// Something that a person has to know: what, how bad, what is affected, what to do next. Kept in a bucket of the home region until it is over; told to
// those concerned as the routes say. `massif alerts` lists, acknowledges and silences.
import { z } from 'zod';
import { ModelName } from './names.js';
import { Objectives } from './objectives.js';

export const AlertSeverity = z.enum(['warning', 'critical']);

export const Alert = z.object({
  /** The same trouble has the same id: it is one alert however often it is seen. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** Such as `verdict.suspicious`. */
  kind: z.string().regex(/^[a-z][\w.-]{0,63}$/),
  /** What it is about, such as a version's digest: a critical alert about it stands for the warnings about it. */
  about: z.string().max(300).default(''),
  /** Whose owners are concerned. */
  model: ModelName.optional(),
  severity: AlertSeverity,
  summary: z.string().max(500),
  evidence: z.record(z.string().max(100), z.string().max(1_000)),
  requestIds: z.array(z.string().max(128)).max(16),
  /** What to do now. */
  next: z.string().max(500),
  runbook: z.string().max(300),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
  times: z.int().min(1),
  acknowledged: z.object({ by: z.string().max(300), at: z.iso.datetime() }).optional(),
  /** Nobody is told before. */
  silencedUntil: z.iso.datetime().optional(),
  /** It was seen to be over; seen again it begins anew. */
  overAt: z.iso.datetime().optional(),
  /** When somebody was told last, and when each receiver was; `name#2` is the second step of an escalation. */
  notifiedAt: z.iso.datetime().optional(),
  told: z.record(z.string().max(80), z.iso.datetime()).default({}),
});
export type Alert = z.infer<typeof Alert>;

const ReceiverName = z.string().min(1).max(64);
const FilePath = z.string().min(1).max(4_096);
export const AlertReceiver = z.discriminatedUnion('type', [
  /** POST of an `AlertNotification`; signed as Standard Webhooks has it where a file holds the secret (`whsec_` and base64). */
  z.strictObject({ type: z.literal('webhook'), url: z.url(), secretFile: FilePath.optional() }),
  /**
   * One mail for each address. `smtp://user@host:587` takes TLS by STARTTLS and insists on it for every host but this machine; `smtps://`
   * has it from the start. `owners`: those of the models are told too, each of the own models alone, where their names are addresses.
   */
  z.strictObject({
    type: z.literal('email'),
    url: z.url({ protocol: /^smtps?$/ }),
    passwordFile: FilePath.optional(),
    /** Certificates (PEM) that the server's must follow from, instead of those that the machine trusts. */
    caFile: FilePath.optional(),
    from: z.email(),
    to: z.array(z.email()).max(64).default([]),
    owners: z.boolean().default(false),
  }),
  /** POST to Prometheus' Alertmanager, its v2 API: http://host:9093/api/v2/alerts. */
  z.strictObject({ type: z.literal('alertmanager'), url: z.url() }),
]);
export type AlertReceiver = z.infer<typeof AlertReceiver>;

/** The file that MASSIF_ALERTS names. */
export const AlertRoutes = z.strictObject({
  receivers: z.record(ReceiverName, AlertReceiver).default({}),
  /** The first that matches says who is told. */
  routes: z
    .array(
      z.strictObject({
        models: z.array(ModelName).max(1_000).optional(),
        severities: z.array(AlertSeverity).min(1).optional(),
        /** `verdict` is every kind that begins with `verdict.`. */
        kinds: z.array(z.string().max(64)).min(1).max(64).optional(),
        to: z.array(ReceiverName).min(1).max(16),
        /** Who else, where nobody acknowledged in so many seconds; step by step. */
        escalate: z
          .array(z.strictObject({ afterS: z.int().min(1), to: z.array(ReceiverName).min(1).max(16) }))
          .max(4)
          .default([]),
      }),
    )
    .max(1_000)
    .default([]),
  /** People responsible, by model: they are named in what is told. */
  owners: z.record(ModelName, z.array(z.string().max(300)).max(16)).default({}),
  /** Of one receiver: what comes within this time is told together. What is critical waits only where three went out within it. */
  groupS: z.number().min(1).max(3_600).default(30),
  /** What goes on is told again. */
  repeatS: z.number().min(60).default(14_400),
  /** What the operational watch raises alerts for. */
  objectives: Objectives.prefault({}),
});
export type AlertRoutes = z.infer<typeof AlertRoutes>;

/** Also published on `massif.events.alert`. At most 50 alerts in full; `more` counts the others. */
export const AlertNotification = z.object({
  receiver: ReceiverName,
  at: z.iso.datetime(),
  alerts: z.array(Alert.extend({ owners: z.array(z.string()) })).max(50),
  more: z.int().min(0),
});
export type AlertNotification = z.infer<typeof AlertNotification>;

export const AlertsReply = z.object({ alerts: z.array(Alert) });
export type AlertsReply = z.infer<typeof AlertsReply>;

export const AlertAnswer = z.object({
  id: z.string().min(4).max(16),
  by: z.string().min(1).max(300),
  reason: z.string().max(500).default(''),
  /** Acknowledged when absent. */
  silenceS: z
    .int()
    .min(1)
    .max(7 * 86_400)
    .optional(),
});
export type AlertAnswer = z.infer<typeof AlertAnswer>;
