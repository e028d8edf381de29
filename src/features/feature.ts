import type { ServiceImpl } from '@connectrpc/connect';
import type { publicServices } from '../contract/services.ts';
import type { Check } from '../domain/finding.ts';
import type { Retained } from '../domain/retention.ts';
import type { Route } from '../server/handler.ts';

/** The handlers of every public service, by the name of its client. */
export type Handlers = {
  readonly [Name in keyof typeof publicServices]: ServiceImpl<(typeof publicServices)[Name]>;
};

/** Work beside the calls, from the start of the service to its end. */
export type Job = { start(): void; stop(): Promise<void> };

/** The parts of a feature; the composition merges each part over all features. */
export type Feature = {
  /** Handlers of whole services. */
  readonly handlers?: Partial<Handlers>;
  /** Endpoints that are no RPCs, in order: each handles a request or passes it on. */
  readonly endpoints?: readonly Route[];
  /** The days that ended rows are kept, by what they are. */
  readonly retention?: Partial<Readonly<Record<Retained, number>>>;
  readonly jobs?: readonly Job[];
  /** Ends what would outlast a drain, such as open streams. */
  readonly drain?: () => void;
  /** Checks of `manam doctor`. */
  readonly checks?: readonly Check[];
};

type PartOf<F, P extends PropertyKey> = F extends { readonly [K in P]: infer Part } ? Part : never;
type Intersection<U> = (U extends unknown ? (part: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

/**
 * Merges one part of all features into one object, whose type has what the features have: assigned
 * to a complete type it does not compile where no feature has a member.
 */
export function merge<const F extends readonly Feature[], P extends 'handlers' | 'retention'>(
  features: F,
  part: P,
): Intersection<PartOf<F[number], P>> {
  return Object.assign({}, ...features.map((feature) => feature[part] ?? {})) as Intersection<
    PartOf<F[number], P>
  >;
}
