type Locks<T> = { request(name: string, work: () => Promise<T>): Promise<T> };

/** Runs work that one page of an origin at a time does (Web Locks); where there are no locks, at once. */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: Locks<T> } };
  const locks = navigator?.locks;
  return locks === undefined ? await work() : await locks.request(`manam-${name}`, work);
}
