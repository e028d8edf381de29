import { createActors, type ExampleScene, type HeaderValues, type Prepared } from './actors.ts';
import { prepareBackEnds } from './back-ends.ts';
import { preparePeople } from './people.ts';

export type Scenes = {
  /** The headers of the first way to authenticate that the description names. */
  headersFor(security: readonly Readonly<Record<string, unknown>>[]): Promise<HeaderValues>;
  /** What a call needs beside them. */
  readonly prepare: Readonly<Record<string, () => Promise<Prepared>>>;
};

export function createScenes(app: ExampleScene): Scenes {
  const actors = createActors(app);
  const { test, owner, someone, keyed } = actors;
  return {
    prepare: { ...preparePeople(actors), ...prepareBackEnds(actors) },
    headersFor: async ([first = {}]) => {
      if ('tenant' in first) return await owner();
      if ('session' in first) return (await someone()).headers;
      if ('secretKey' in first) return { 'x-api-key': test.dev.secret };
      return keyed;
    },
  };
}
