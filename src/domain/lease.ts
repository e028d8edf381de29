export type LeaseRepository = {
  /** Takes or keeps a lease; false where another holder has it. */
  take(name: string, holder: string, now: Date, until: Date): Promise<boolean>;
};
