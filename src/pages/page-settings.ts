/** What the pages are told of their tenant, in their head. */
export type PageSettings = {
  readonly key: string;
  readonly slug: string;
  readonly name: string;
  readonly color: string;
  readonly logo: string;
  readonly minPasswordLength: number;
};
