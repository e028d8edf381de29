/** Prints what a test has measured: figures are read, not asserted, because machines differ. */
export function tell(what: string, figures: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`);
}
