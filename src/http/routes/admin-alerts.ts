// What the admin API tells of alerts, and how an operator has a delivery tried at once or given up.
import type { Router } from 'express';
import { z } from 'zod';
import type { Outbox } from '../../alerts/outbox.ts';
import { AppError } from '../../core/errors.ts';
import { refuseMethod } from './json-body.ts';
import { parse } from './validation.ts';

const STATES = ['sending', 'waiting', 'held', 'retrying', 'given_up'] as const;
const severity = z.enum(['P1', 'P2', 'P3']);
const alertState = z.enum(['firing', 'resolved']);
const ms = z.number().meta({ description: 'Cell time in ms.' });

export const alertSchemas = {
  alertPath: z.strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,400}$/, 'is not the id of a delivery')
      .meta({ description: 'Of a delivery.' }),
  }),
  alertDone: z.strictObject({ id: z.string(), result: z.enum(['queued', 'dropped']) }),
  alerts: z
    .strictObject({
      alerts: z.array(
        z.strictObject({
          fingerprint: z.string(),
          episode: z.number(),
          name: z.string(),
          severity,
          state: alertState,
          labels: z.record(z.string(), z.string()),
          summary: z.string(),
          runbook: z.string(),
          sinceMs: ms,
          endedMs: ms.optional(),
          told: z
            .record(z.string(), z.string())
            .meta({ description: 'By destination: what it was told last.' }),
        }),
      ),
      deliveries: z.array(
        z.strictObject({
          id: z.string(),
          name: z.string(),
          severity,
          alertState,
          destination: z.string(),
          state: z.enum(STATES).meta({
            description:
              '`held`: not before its beginning has been told for a while; `given_up`: not tried any more.',
          }),
          attempts: z.number(),
          waitsMs: z.number().meta({ description: 'Ms until the next try.' }),
          lastFailure: z.string().optional(),
        }),
      ),
    })
    .meta({ id: 'Alerts' }),
} as const;

export type AlertsAnswer = z.infer<typeof alertSchemas.alerts>;

export interface AlertRoutesDeps {
  /** Undefined where no destination is configured. */
  readonly outbox: Pick<Outbox, 'view' | 'retry' | 'drop'> | undefined;
}

/** GET /admin/alerts, POST and DELETE /admin/alerts/deliveries/{id}. */
export function addAlertRoutes(router: Router, { outbox }: AlertRoutesDeps): void {
  router
    .route('/alerts')
    .get(async (_req, res) => {
      res.json(outbox === undefined ? { alerts: [], deliveries: [] } : await answerOf(outbox));
    })
    .all(refuseMethod(['GET']));
  router
    .route('/alerts/deliveries/:id')
    .post(async (req, res) => {
      const { id } = parse(alertSchemas.alertPath, { ...req.params }, 'path');
      await known(outbox).retry(id);
      res.json({ id, result: 'queued' });
    })
    .delete(async (req, res) => {
      const { id } = parse(alertSchemas.alertPath, { ...req.params }, 'path');
      await known(outbox).drop(id);
      res.json({ id, result: 'dropped' });
    })
    .all(refuseMethod(['POST', 'DELETE']));
}

function known(outbox: AlertRoutesDeps['outbox']): NonNullable<AlertRoutesDeps['outbox']> {
  if (outbox !== undefined) return outbox;
  throw new AppError('alert_not_found', 'No destination for alerts is configured.');
}

async function answerOf(outbox: Pick<Outbox, 'view'>): Promise<AlertsAnswer> {
  const { alerts, deliveries } = await outbox.view();
  return {
    alerts: alerts.map(({ alert, told, fingerprint, episode, state, sinceMs, endedMs }) => ({
      fingerprint,
      episode,
      state,
      ...alert,
      sinceMs,
      ...(endedMs !== undefined && { endedMs }),
      told: Object.fromEntries(
        [...told].map(([place, one]) => [
          place,
          one.result === 'sent' ? one.state : `${one.state}, given up`,
        ]),
      ),
    })),
    deliveries: deliveries.map(({ notice, lastFailure, ...one }) => ({
      id: one.id,
      name: notice.alert.name,
      severity: notice.alert.severity,
      alertState: notice.state,
      destination: one.destination,
      state: one.state,
      attempts: one.attempts,
      waitsMs: one.waitsMs,
      ...(lastFailure !== undefined && { lastFailure }),
    })),
  };
}
