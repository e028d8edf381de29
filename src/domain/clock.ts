/** The time. One clock per process, whose distance to the database's is watched. */
export type Clock = () => Date;
