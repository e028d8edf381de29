import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a database that can be made slow, cut, or cut at the worst moment. */
export type MysqlProxy = {
  urlOf(database: string): string;
  /** Delay of each response, in milliseconds. */
  delayMs: number;
  /** Which part of the commits is refused as a node of a cluster does that another one has overtaken. */
  refusesCommits: number;
  /** Whether a ROLLBACK is refused, as by a node of a cluster that has left it. */
  refusesRollbacks: boolean;
  /** The beginning of a statement whose next answer is lost after the database has given it. */
  losesAnswerTo: string | undefined;
  /** Number of next commits of transactions with an INSERT whose OK is withheld from the client. */
  losesCommits: number;
  /** Number of commits whose OK was withheld. */
  readonly lostCommits: number;
  /** Resets every connection. */
  cutAll(): void;
  close(): Promise<void>;
};

const comQuery = 3;

/** Where the text of a COM_QUERY begins: MySQL 8 counts its attributes first, and there are none. */
function textStart(packet: Buffer): number {
  return packet[5] === 0 && packet[6] === 1 ? 7 : 5;
}

/** The text of a COM_QUERY; empty for any other packet. */
function textOf(packet: Buffer): string {
  return packet[4] === comQuery ? packet.subarray(textStart(packet)).toString() : '';
}

/** A ROLLBACK in the form of the packet that it replaces. */
function rollbackLike(packet: Buffer): Buffer {
  const payload = Buffer.concat([packet.subarray(4, textStart(packet)), Buffer.from('ROLLBACK')]);
  return Buffer.concat([Buffer.from([payload.length, 0, 0, 0]), payload]);
}

/** The response of a server that has refused a statement. */
function failure(errno: number, text: string): Buffer {
  const payload = Buffer.concat([Buffer.from([0xff, errno & 0xff, errno >> 8]), Buffer.from(`#${text}`)]);
  return Buffer.concat([Buffer.from([payload.length, 0, 0, 1]), payload]);
}

/** Listens on a port and passes on to a unix socket, whose path may be another one later. */
export async function startMysqlProxy(socketPath: () => string, account = 'root'): Promise<MysqlProxy> {
  const pairs = new Set<[Socket, Socket]>();
  const state = {
    delayMs: 0,
    refusesCommits: 0,
    refusesRollbacks: false,
    losesCommits: 0,
    lostCommits: 0,
    losesAnswerTo: undefined as string | undefined,
  };
  const server = createServer((client) => {
    const database = connect(socketPath());
    const pair: [Socket, Socket] = [client, database];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
    }
    let isCut = false;
    let isRefused = false;
    let hasInserted = false;
    client.on('data', (chunk: Buffer) => {
      const text = textOf(chunk);
      if (text === 'ROLLBACK' && state.refusesRollbacks) {
        client.write(failure(1047, '08S01WSREP has not yet prepared node for application use'));
        return;
      }
      const isCommit = text === 'COMMIT';
      // Transactions that come beside the calls insert nothing, or into the log of events, its counts and its webhooks alone.
      if (text === 'BEGIN') hasInserted = false;
      hasInserted ||= /^insert into `(?!event_|webhook_|usage_)/.test(text);
      if (isCommit && hasInserted && state.losesCommits > 0) {
        state.losesCommits -= 1;
        isCut = true;
      }
      if (state.losesAnswerTo !== undefined && text.startsWith(state.losesAnswerTo)) {
        state.losesAnswerTo = undefined;
        isCut = true;
      }
      isRefused = isCommit && Math.random() < state.refusesCommits;
      database.write(isRefused ? rollbackLike(chunk) : chunk);
    });
    database.on('data', (chunk: Buffer) => {
      if (isRefused) {
        isRefused = false;
        client.write(failure(1213, '40001Deadlock found'));
      } else if (isCut) {
        // The database has committed and said so, and no one hears it.
        state.lostCommits += 1;
        end();
      } else if (state.delayMs > 0) setTimeout(() => client.write(chunk), state.delayMs);
      else client.write(chunk);
    });
  });
  const cutAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    urlOf: (database: string) => `mysql://${account}@127.0.0.1:${port}/${database}`,
    cutAll,
    close: async () => {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  });
}
