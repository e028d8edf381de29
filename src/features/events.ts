import { createHistory } from '../flows/events/history.ts';
import { createLogProofs } from '../flows/events/log-proofs.ts';
import { createReadEvents } from '../flows/events/read-events.ts';
import { createSequencer } from '../flows/events/sequencer.ts';
import { createStreams } from '../flows/events/streams.ts';
import { createEventTail } from '../flows/events/tail.ts';
import { createWatch } from '../flows/events/watch.ts';
import { eventHandlers } from '../rpc/event-service.ts';
import { textOf } from '../server/error-reasons.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';
import { createLoop } from './loop.ts';

/** Pause of the sequencer between batches, and of the tail of all streams where another instance numbers. */
const restMs = 100;
const tailMs = 50;
/** Interval at which the right of every open stream is looked at. */
const checkMs = 400;

/** The log of events: its numbering, its streams, its proofs, and what users read of it. */
export function events({ adapters, logStore, config, log }: FeatureDeps) {
  const { store, vault, clock, random, signHead } = adapters;
  const tail = createEventTail({ store: logStore });
  const streams = createStreams({ store: logStore, clock, limits: config.streams });
  const read = createReadEvents({ store, tail, vault });
  const proofs = createLogProofs({ store, signHead, clock });
  const numberEvents = createSequencer({
    store: logStore,
    vault,
    clock,
    random,
    onRefused: (rows) =>
      log.error(
        { events: rows.map(({ tenantId, id }) => ({ tenantId, id })) },
        'events were set aside that no instance recorded: someone else writes to the database',
      ),
    onBroken: (tenantId) =>
      log.error(
        { tenantId },
        'the log of a tenant stands still: its tree lacks hashes; compare it with a kept head, then run `manam audit restart`',
      ),
  });
  const onError = (error: unknown) =>
    log.warn({ err: error }, 'the log of events could not be read or numbered');
  const loopOf = (work: () => Promise<number>, pauseMs: number) =>
    createLoop(work, pauseMs, new AbortController().signal, onError);
  const tailing = loopOf(tail.poll, tailMs);
  /** A batch takes ten statements, whatever its size: while nothing was left out the loop rests, so that the next has more events. */
  const numberMany = async () => {
    const { numbered, hasMore } = await numberEvents();
    if (numbered > 0) tailing.hurry();
    return hasMore ? numbered : 0;
  };
  return {
    handlers: {
      events: eventHandlers({
        read,
        watch: createWatch({ streams, tail, read, proofs }),
        proofs,
        history: createHistory({ store, clock, textOfReason: textOf }),
      }),
    },
    jobs: [loopOf(numberMany, restMs), tailing, loopOf(streams.check, checkMs)],
    drain: streams.drain,
  } satisfies Feature;
}
