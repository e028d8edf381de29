import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { DeliveryError, type Transport } from '../../domain/delivery.ts';

/** Consecutive failures that open the breaker, and the time until it closes. */
const maxFailures = 5;
export const breakMs = 30_000;

/**
 * A gateway that is down is not asked for a while: after that one message tries it, and
 * the others wait for how that one ends. A refusal of one message is no failure of it.
 */
export function withBreaker(gateway: Transport): Transport {
  const policy = circuitBreaker(
    handleWhen((error) => error instanceof DeliveryError && error.fault === 'temporary'),
    { halfOpenAfter: breakMs, breaker: new ConsecutiveBreaker(maxFailures) },
  );
  return {
    ...gateway,
    async send(outgoing, signal) {
      try {
        await policy.execute(() => gateway.send(outgoing, signal));
      } catch (error) {
        if (error instanceof BrokenCircuitError) throw new DeliveryError('busy', 'SMS_BREAKER_OPEN');
        throw error;
      }
    },
  };
}
