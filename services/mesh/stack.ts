// Policies around a handler, in the order they are written: `stack(trace, deadline, shed, breaker)(handler)`. The first one named
// is the outermost and sees every outcome.

export type Handler<Q, R> = (request: Q, signal: AbortSignal) => Promise<R>;

/** `Base` is what a policy must know of a request; most need nothing. */
export type Policy<Base = unknown> = <Q extends Base, R>(next: Handler<Q, R>) => Handler<Q, R>;

export const stack =
  <Base>(...policies: Policy<Base>[]) =>
  <Q extends Base, R>(handler: Handler<Q, R>): Handler<Q, R> =>
    policies.reduceRight((next, policy) => policy(next), handler);
