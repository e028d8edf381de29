import { createProofKey } from '../../src/clients/proof-key.ts';
import type { TestApp } from './app.ts';

/** The origin that the proofs of calls without a socket name. */
export const proofOrigin = 'http://localhost:0';

/** A device with a key: makes the header of a proof for an RPC, at the time of the server. */
export function makeDevice(test: TestApp): (procedure: string) => Promise<{ readonly dpop: string }> {
  const key = createProofKey();
  return async (procedure) => {
    key.setTime(test.now().getTime() / 1000);
    return { dpop: await key.prove({ method: 'POST', url: `${proofOrigin}/manam.v1.${procedure}` }) };
  };
}
