// The options of `alerts`: whom alerts are sent to, how long that is tried, and what people read in
// them. Without a destination there are none, and nothing of it costs anything.
import { z } from 'zod';
import { name } from './names.ts';

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** The environment knows texts only. */
const listed = (value: unknown): unknown =>
  typeof value === 'string' ? value.split(',').map((entry) => entry.trim()) : value;

const url = z
  .string()
  .regex(/^https?:\/\/\S+$/, 'must start with http:// or https://')
  .refine((text) => URL.canParse(text), 'is not a URL')
  .refine(
    (text) => !URL.canParse(text) || new URL(text).username + new URL(text).password === '',
    'must not hold a password: use the options beside it',
  );

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** What every alert has by itself. */
const OWN_LABELS = ['alertname', 'severity', 'service', 'cell'];

const alertmanager = z
  .strictObject({
    urls: z.preprocess(listed, z.array(url).max(10).default([])).meta({
      description:
        'Alertmanagers, all of one cluster: each is sent everything. A list, or a text with commas.',
      env: 'SLOTKEEPER_ALERTMANAGER_URLS',
    }),
    username: z.string().min(1).optional().meta({
      description: 'User at the Alertmanagers, where they want one.',
      env: 'SLOTKEEPER_ALERTMANAGER_USERNAME',
    }),
    password: z.string().min(1).optional().meta({
      description: 'Password of that user.',
      env: 'SLOTKEEPER_ALERTMANAGER_PASSWORD',
      secret: true,
    }),
    bearerToken: z.string().min(1).optional().meta({
      description: 'Token at the Alertmanagers, instead of a user.',
      env: 'SLOTKEEPER_ALERTMANAGER_TOKEN',
      secret: true,
    }),
  })
  .prefault({});

const webhook = z.strictObject({
  name: name.meta({ description: 'Unique; appears in lists of alerts.' }),
  url: url.meta({
    description: 'Where each notice is posted, at least once. Not redirected.',
    secret: true,
  }),
  secret: z.string().min(16, 'use at least 16 characters').optional().meta({
    description: 'Key of the signature of each call, normally as ${ENV_NAME}.',
    secret: true,
  }),
});

export const alertsSchema = z
  .strictObject({
    alertmanager,
    webhooks: z
      .array(webhook)
      .max(10)
      .default([])
      .refine((all) => new Set(all.map((one) => one.name)).size === all.length, {
        message: 'two webhooks have the same name',
      }),
    labels: z
      .record(
        z
          .string()
          .regex(LABEL, 'a label’s name has letters, digits and "_"')
          .refine((label) => !OWN_LABELS.includes(label), 'every alert has a label of this name'),
        z.string().min(1).max(200),
      )
      .default({})
      .meta({ description: 'Labels that every alert gets, such as `environment: production`.' }),
    runbookBase: z.string().max(500).default('docs/runbooks/').meta({
      description: 'What stands before a runbook’s file name in an alert, such as a URL.',
      env: 'SLOTKEEPER_ALERT_RUNBOOK_BASE',
    }),
    refreshMs: ms(100, 600_000).default(60_000).meta({
      description:
        'Interval in ms in which alerts that last are sent again, and compared with the cell. An Alertmanager that hears nothing for four of them and two lives of the leader takes an alert for resolved.',
    }),
    holdMs: ms(0, 3_600_000).default(60_000).meta({
      description:
        'How long in ms an alert fires at least at a destination before it is told that it is over; longer than the `group_wait` there, or short ones notify nobody.',
    }),
    incidentMs: ms(100, 86_400_000).default(600_000).meta({
      description: 'How long in ms something that merely happened fires after its last time.',
    }),
    timeoutMs: ms(50, 60_000).default(5000).meta({
      description: 'Time in ms that a destination has to answer.',
    }),
    retryMinMs: ms(10, 600_000).default(1000).meta({
      description: 'First pause in ms after a failed call; it doubles, half of it by chance.',
    }),
    retryMaxMs: ms(10, 3_600_000).default(60_000).meta({
      description: 'Longest pause in ms between two calls for one notice.',
    }),
    retryForMs: ms(1000, 2_592_000_000).default(86_400_000).meta({
      description: 'How long in ms a notice is tried before it is given up.',
    }),
    maxQueued: z.coerce.number().int().min(10).max(1_000_000).default(10_000).meta({
      description:
        'Notices that may wait to be sent; beyond it the least urgent, oldest ones are given up.',
    }),
    maxAlerts: z.coerce.number().int().min(10).max(100_000).default(2000).meta({
      description: 'Alerts that may be known at once, resolved ones of the last hour included.',
    }),
  })
  .prefault({})
  .refine(({ retryMinMs, retryMaxMs }) => retryMinMs <= retryMaxMs, {
    message: 'retryMinMs must not exceed retryMaxMs',
    path: ['retryMinMs'],
  })
  .refine(({ alertmanager: one }) => !(one.bearerToken && one.username), {
    message: 'give either a user or a token',
    path: ['alertmanager', 'bearerToken'],
  });

export type AlertsConfig = Readonly<z.infer<typeof alertsSchema>>;
