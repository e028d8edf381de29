/** The result of one check. */
export type Finding = {
  /** The name of the check, such as `database.clock`. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'error';
  /** The result in a sentence. */
  readonly detail: string;
  /** The remedy; empty where nothing is wrong. */
  readonly fix: string;
};

/** Examines one thing of the deployment. What it throws is a finding too. */
export type Check = { readonly name: string; readonly examine: () => Promise<Finding[]> };
