import { solveWork, type WorkSolver } from '../../clients/work.ts';

/** Solves a challenge in a worker; where there are none, in the page. */
export const solveBeside: WorkSolver = (challenge) => {
  if (typeof Worker === 'undefined') return solveWork(challenge);
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./work.worker.ts', import.meta.url), { type: 'module' });
    const end = (number: number | undefined) => {
      worker.terminate();
      resolve(number);
    };
    worker.onmessage = ({ data }: MessageEvent<number | undefined>) => end(data);
    worker.onerror = () => {
      worker.terminate();
      void solveWork(challenge).then(resolve);
    };
    worker.postMessage(challenge);
  });
};
