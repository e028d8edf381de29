/** Whether this runs from the sources. What is built is a few files, and all but the entries lie in one folder. */
export const isSource = import.meta.url.endsWith('.ts');

/** The folder that holds `src`, `gen` and `built`: the repository, or `dist` of what is built. */
export const root = new URL('../', import.meta.url);
