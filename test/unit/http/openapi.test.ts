// The API's description against the routes that exist, and against itself.
import { Router } from 'express';
import { describe, expect, it } from 'vitest';
import { addDeferredRoutes } from '../../../src/http/routes/deferred.ts';
import { createHealthRouter } from '../../../src/http/routes/health.ts';
import { createOpenApiDocument } from '../../../src/http/routes/openapi.ts';
import { createSchedulerRouter } from '../../../src/http/routes/scheduler.ts';

interface Layer {
  readonly route?: {
    readonly path: string | readonly string[];
    readonly methods: Readonly<Record<string, boolean>>;
  };
}

const unused = (): never => {
  throw new Error('routes are only listed here');
};

function routesOf(router: Router, prefix: string): string[] {
  return (router.stack as unknown as readonly Layer[]).flatMap(({ route }) => {
    const paths = [route?.path ?? []].flat();
    const methods = Object.keys(route?.methods ?? {}).filter((method) => method !== '_all');
    return paths.flatMap((path) => {
      return methods.map((method) => `${method} ${prefix}${path.replace(/:(\w+)/g, '{$1}')}`);
    });
  });
}

function aDocument() {
  return createOpenApiDocument({ version: '1.2.3', maxLeaseMs: 60_000 });
}

describe('the OpenAPI document', () => {
  it('describes every route of the Scheduler API, of deferred requests and of health, and no others', () => {
    const scheduler = createSchedulerRouter({
      scheduler: {
        ...{ tryAcquire: unused, renew: unused, move: unused },
        ...{ release: unused, cancel: unused },
      },
      config: {
        scheduler: { maxLeaseMs: 60_000 } as never,
        accounts: [],
        routes: new Map(),
      },
    });
    const health = createHealthRouter({ version: '1', ping: unused, isDraining: () => false });

    const described = Object.entries(aDocument().paths ?? {}).flatMap(([path, item]) => {
      return Object.keys(item).map((method) => `${method} ${path}`);
    });

    const deferred = Router();
    addDeferredRoutes(deferred, { deferral: {} as never, onFinished: unused });
    const existing = [
      ...routesOf(scheduler, '/scheduler'),
      ...routesOf(health, ''),
      ...routesOf(deferred, '/v1'),
    ];
    expect(existing).toContain('post /scheduler/slots/{requestId}/renew');
    expect(existing).toContain('post /scheduler/slots/{requestId}/move');
    expect(described.sort()).toEqual(
      [...existing, 'get /scheduler/openapi.json', 'get /metrics'].sort(),
    );
  });

  it('has no reference that leads nowhere', () => {
    const document = aDocument();

    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];

    expect(references.length).toBeGreaterThan(5);
    for (const [, path = ''] of references) {
      const found = path
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document);
      expect(found, path).toBeDefined();
    }
  });

  it('carries the configured bound of a lease and the either-or of route and targets', () => {
    const schemas = aDocument().components?.schemas as Record<string, Record<string, unknown>>;

    expect(schemas['AcquireRequest']).toMatchObject({
      properties: { leaseMs: { minimum: 100, maximum: 60_000 } },
      oneOf: [{ required: ['route'] }, { required: ['targets'] }],
      additionalProperties: false,
    });
  });

  it('is OpenAPI 3.1 with an id and an answer for every operation', () => {
    const document = aDocument();
    const operations = Object.values(document.paths ?? {}).flatMap((item) => {
      return Object.values(item as Record<string, { operationId?: string; responses?: object }>);
    });

    expect(document.openapi).toBe('3.1.0');
    const ids = operations.map((operation) => operation.operationId);
    expect(new Set(ids).size).toBe(operations.length);
    expect(ids).not.toContain(undefined);
    for (const { responses } of operations) expect(responses).toHaveProperty('200');
  });
});
