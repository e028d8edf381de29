import { solveWork, type WorkChallenge } from '../../clients/work.ts';

// Solves a challenge beside the page, which goes on drawing.
self.onmessage = ({ data }: MessageEvent<WorkChallenge>) => {
  void solveWork(data).then((number) => postMessage(number));
};
