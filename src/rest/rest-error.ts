/** Errors of the transcoder itself. */
export type RestProblem =
  | 'route-not-found'
  | 'method-not-allowed'
  | 'media-type-unsupported'
  | 'body-too-large'
  | 'body-malformed'
  | 'fields-invalid';

/** A violation of one field: unknown, duplicate, or of another type. */
export type FieldProblem = {
  /** The field in the names of the contract, or as the caller wrote it where it is not known. */
  readonly field: string;
  readonly problem: 'unknown' | 'duplicate' | 'type';
};

/** A request that the transcoder refuses before it becomes a message. */
export class RestError extends Error {
  readonly problem: RestProblem;
  readonly fields: readonly FieldProblem[];

  constructor(problem: RestProblem, fields: readonly FieldProblem[] = []) {
    super(fields.length === 0 ? problem : `${problem}: ${fields.map(({ field }) => field).join(', ')}`);
    this.name = 'RestError';
    this.problem = problem;
    this.fields = fields;
  }
}
