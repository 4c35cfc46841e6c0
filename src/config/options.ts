// The schema as a flat list of options: what the environment may override, and what the generated
// reference (docs/configuration.md) says. It holds no option of its own.
import { z } from 'zod';
import { configSchema, DEFAULT_TIMEOUTS } from './schema.ts';

export interface OptionInfo {
  /** Dotted; `<name>` stands for a key of the user's and `[]` for each entry of a list. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
  readonly default: string | undefined;
  readonly env: string | undefined;
  readonly secret: boolean;
}

/** The part of JSON Schema that our schema comes out as, with our own `env` and `secret`. */
interface Node {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly env?: string;
  readonly secret?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
}

/** All options in the schema's order. */
export function listOptions(): readonly OptionInfo[] {
  return optionsBelow('', z.toJSONSchema(configSchema, { io: 'input' }) as Node);
}

function optionsBelow(path: string, node: Node): readonly OptionInfo[] {
  const join = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const own = Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const required = node.required?.includes(name) ?? false;
    return optionsAt(join(name), child, required);
  });
  const each = node.additionalProperties;
  return typeof each === 'object' ? [...own, ...optionsBelow(join('<name>'), each)] : own;
}

function optionsAt(path: string, node: Node, required: boolean): readonly OptionInfo[] {
  // Plain values by any name are one option; groups by any name are groups.
  const each = typeof node.additionalProperties === 'object' ? node.additionalProperties : {};
  const hasNames = each.properties !== undefined;
  const isGroup = node.properties !== undefined || hasNames;
  if (isGroup) return optionsBelow(path, node);
  if (node.items?.properties !== undefined) return optionsBelow(`${path}[]`, node.items);
  const fallback = node.default ?? inheritedDefault(path);
  return [
    {
      path,
      type: typeOf(node),
      description: node.description ?? '',
      required,
      default: fallback === undefined ? undefined : JSON.stringify(fallback),
      env: node.env,
      secret: node.secret ?? false,
    },
  ];
}

/** Time limits get their defaults after inheritance, so the schema itself cannot state them. */
function inheritedDefault(path: string): number | undefined {
  const name = /\.timeouts\.(\w+)$/.exec(path)?.[1];
  return Object.entries(DEFAULT_TIMEOUTS).find(([key]) => key === name)?.[1];
}

function typeOf(node: Node): string {
  if (node.enum !== undefined) return node.enum.join(' \\| ');
  if (node.type === 'array') return `list of ${node.items?.type ?? 'values'}`;
  const { minimum, maximum } = node;
  if (minimum === undefined) return node.type ?? 'any';
  const unbounded = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  return `${node.type ?? 'number'} ${unbounded ? `≥ ${minimum}` : `${minimum} … ${maximum}`}`;
}
