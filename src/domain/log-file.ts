import { createHmac } from 'node:crypto';
import { createRootHasher, hashBytes, leafHash } from './merkle.ts';

/**
 * A log in a file, a JSON document a line: first the logs of the tenant, then every position. An event has
 * the entry that was hashed, and its personal part with the salt where it was not erased; of an event that retention
 * deleted only the leaf is left.
 */
export type LogFileHeader = {
  readonly manam_log: 1;
  readonly tenant: string;
  readonly logs: readonly {
    readonly number: number;
    readonly log: string;
    readonly start: number;
    readonly size: number;
  }[];
};

type LogPlace = LogFileHeader['logs'][number];

export type LogFileLine = {
  readonly position: number;
  readonly entry?: string;
  readonly personal?: string;
  readonly salt?: string;
  readonly leaf?: string;
};

/** A head that was kept elsewhere. */
export type KeptHead = {
  readonly tenant: string;
  readonly log: string;
  readonly start: number;
  readonly size: number;
  /** In Base64url. */
  readonly root: string;
  readonly at: Date;
};

export type LogProblem = {
  /** The position; undefined: it is about the whole log. */
  readonly position: number | undefined;
  readonly problem: string;
};

export type LogVerdict = {
  readonly problems: readonly LogProblem[];
  /** Loss that a new log admits: a backup was restored. */
  readonly losses: readonly LogProblem[];
  /** Positions that were looked at. */
  readonly events: number;
  /** Those whose event is gone and whose leaf is left. */
  readonly leaves: number;
  /** Those of an older version, whose writer is not proved. */
  readonly unproved: number;
  /** Those without a personal part, as an erasure leaves them. */
  readonly erased: number;
};

type Entry = {
  readonly tenant: string;
  readonly type: string;
  readonly details: Record<string, unknown>;
  readonly commitment: string;
  readonly isProved: boolean;
};

/** Reads an entry as it was hashed; undefined where it is none. */
function parseEntry(text: string): Entry | undefined {
  try {
    const [version, provenance, tenant, , type, , , details, , , , commitment] = JSON.parse(
      text,
    ) as unknown[];
    if (version !== 'manam-event-v1' || typeof details !== 'object') return undefined;
    return {
      tenant: String(tenant),
      type: String(type),
      details: details as Record<string, unknown>,
      commitment: String(commitment),
      isProved: provenance === 'proved',
    };
  } catch {
    return undefined;
  }
}

/** The faults of the logs that a file says it has: each begins where the one before ended, under an id of its own. */
function problemsOf(logs: LogFileHeader['logs']): string[] {
  const problems = logs.flatMap(({ number, start, size }, index) => {
    const isNext = number === index + 1 && start === (logs[index - 1]?.size ?? 0) && size >= start;
    return isNext ? [] : [`log ${number} does not follow the log before it`];
  });
  const isUnique = new Set(logs.map(({ log }) => log)).size === logs.length;
  return isUnique ? problems : [...problems, 'two logs have one id'];
}

function commitmentOf(personal: string, salt: string): string {
  return createHmac('sha256', Buffer.from(salt, 'base64url')).update(personal).digest('base64url');
}

/** Verifies the signed statement that a log ended; returns its claims, or undefined where it is not the service's. */
export type StatementReader = (text: string) => Promise<Readonly<Record<string, unknown>> | undefined>;

/** Compares the lines of a file with heads, one after another, in memory that does not grow with the log. */
export function createLogVerifier(header: LogFileHeader, heads: readonly KeptHead[]) {
  const problems: LogProblem[] = [];
  const losses: LogProblem[] = [];
  const logs = [...header.logs].sort((a, b) => a.number - b.number);
  const rootsAt = new Map<string, string>();
  const statements: {
    readonly log: string;
    readonly size: number;
    readonly root: string;
    readonly text: string;
  }[] = [];
  /** Positions without an event, until a record of retention covers them: they are few ranges. */
  let goneThrough = 0;
  let expiredBefore = 0;
  let last = 0;
  let [leaves, unproved, erased] = [0, 0, 0];
  let current = 0;
  let hasher = createRootHasher();
  const note = (position: number | undefined, problem: string): void => {
    problems.push({ position, problem });
  };
  const noteRoot = () => {
    const log = logs[current];
    if (log !== undefined) rootsAt.set(`${log.log} ${last - log.start}`, hasher.root().toString('base64url'));
  };

  function leafOf(line: LogFileLine): Buffer | undefined {
    if (line.entry === undefined) {
      leaves += 1;
      goneThrough = line.position;
      const leaf = Buffer.from(line.leaf ?? '', 'base64url');
      return leaf.length === hashBytes ? leaf : undefined;
    }
    const entry = parseEntry(line.entry);
    if (entry === undefined) return undefined;
    if (entry.tenant !== header.tenant) note(line.position, 'the event is one of another tenant');
    if (!entry.isProved) unproved += 1;
    // Only what an instance recorded counts, and it tells of what came before it.
    if (entry.type === 'events.expired' && entry.isProved)
      expiredBefore = Math.max(expiredBefore, Math.min(line.position, Number(entry.details['before'])));
    if (entry.type === 'log.restored') noteRestart(entry, line.position);
    assertPersonal(line, entry.commitment);
    return leafHash(Buffer.from(line.entry));
  }

  /** Compares the personal part with the commitment; where an erasure took it, there is neither part nor salt. */
  function assertPersonal({ position, personal, salt }: LogFileLine, commitment: string): void {
    if (personal === undefined && salt === undefined) erased += 1;
    else if (personal === undefined || salt === undefined || commitmentOf(personal, salt) !== commitment)
      note(position, 'the personal part was changed');
  }

  /** A new log names one before it, as it was then; its statement of that is signed. */
  function noteRestart({ details }: Entry, position: number): void {
    const [log, size, root] = [String(details['log']), Number(details['size']), String(details['root'])];
    if (rootsAt.get(`${log} ${size}`) === root)
      statements.push({ log, size, root, text: String(details['head']) });
    else note(position, 'the new log does not name the log before it');
  }

  /** The logs that a signed statement ended. */
  async function endedLogs(claimsOf: StatementReader): Promise<ReadonlySet<string>> {
    const ended = new Set<string>();
    for (const { text, log, size, root } of statements) {
      const claims = await claimsOf(text);
      const isNext = logs.some((each) => each.log === claims?.['next']);
      if (claims?.['log'] === log && claims['size'] === size && claims['root'] === root && isNext)
        ended.add(log);
    }
    return ended;
  }

  return {
    add(line: LogFileLine): void {
      const { position } = line;
      if (!Number.isSafeInteger(position) || position <= last) {
        note(undefined, `the line after position ${last} is out of order, or is none`);
        return;
      }
      if (position > last + 1)
        note(last + 1, position === last + 2 ? 'it is missing' : `they are missing, up to ${position - 1}`);
      last = position - 1;
      while (last === logs[current + 1]?.start) {
        noteRoot();
        current += 1;
        hasher = createRootHasher();
      }
      const leaf = leafOf(line);
      if (leaf === undefined) note(position, 'the line has neither an entry nor a leaf');
      hasher.add(leaf ?? Buffer.alloc(hashBytes));
      last = position;
      const log = logs[current];
      if (heads.some(({ log: id, size }) => id === log?.log && size === last - log.start)) noteRoot();
    },

    async end(claimsOf: StatementReader): Promise<LogVerdict> {
      noteRoot();
      for (const problem of problemsOf(logs)) note(undefined, problem);
      if (statements.length < logs.length - 1)
        note(undefined, 'a log begins without a record of a restored backup');
      const size = logs.at(-1)?.size ?? 0;
      if (last !== size) note(undefined, `the file ends at position ${last}, and the log at ${size}`);
      if (goneThrough >= expiredBefore && goneThrough > 0)
        note(goneThrough, 'the event is gone, and no record of retention covers it');
      const ended = await endedLogs(claimsOf);
      for (const head of heads) judgeHead(head, ended);
      return { problems, losses, events: last, leaves, unproved, erased };
    },
  };

  function judgeHead(head: KeptHead, ended: ReadonlySet<string>): void {
    const index = logs.findIndex(({ log }) => log === head.log);
    const log = logs[index];
    if (head.tenant !== header.tenant) note(undefined, 'the head is one of another tenant');
    else if (log !== undefined) judgeSize(head, log, logs[index + 1], ended);
    // A tenant without events has no log yet.
    else if (head.size > 0)
      note(undefined, `the log ${head.log} of the head is not in the file: it was replaced`);
  }

  function judgeSize(
    head: KeptHead,
    { log }: LogPlace,
    next: LogPlace | undefined,
    ended: ReadonlySet<string>,
  ): void {
    const end = next?.start ?? last;
    const time = head.at.toISOString();
    const missing = head.start + head.size - end;
    if (missing > 0) {
      const problem = `${missing} events that the head of ${time} covers are missing after position ${end}`;
      if (ended.has(log)) losses.push({ position: end, problem: `${problem}: a backup was restored` });
      else note(end, problem);
    } else if (head.size > 0 && rootsAt.get(`${log} ${head.size}`) !== head.root)
      note(undefined, `the first ${head.size} events are not those that the head of ${time} covers`);
  }
}
