export {
  createGuard,
  type Guard,
  GuardError,
  type GuardedRequest,
  type GuardOptions,
  type TokenVerifier,
} from './guards/guard.ts';
export * from './guards/http.ts';
export { connectGuard } from './guards/rpc.ts';
