/** What an examination found about one thing. */
export type Finding = {
  /** What was examined, such as `database.clock`. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'error';
  /** What was found, in a sentence. */
  readonly detail: string;
  /** What to do about it; empty where it is in order. */
  readonly fix: string;
};

/** Examines one thing of the deployment. What it throws is a finding too. */
export type Check = { readonly name: string; readonly examine: () => Promise<Finding[]> };
